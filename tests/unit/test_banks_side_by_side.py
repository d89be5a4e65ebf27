"""Several banks in one data folder: each has its own versions, active version, history and draft."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.bank.drafts import Drafts
from shared.bank.manifest import Origin
from shared.bank.store import BankStore
from shared.core.errors import BankError, Conflict, InvalidRequest, NotFound
from shared.core.settings import Settings
from shared.curation.banks import new_bank
from shared.curation.derive import Change, derive
from tests.banks import by_label, clustered, make_bank


@pytest.fixture
def store(settings: Settings) -> BankStore:
    """A store whose default bank has one version, as every data folder of an earlier release has."""
    make_bank(settings, by_label(clustered(4)))
    return BankStore(settings)


def changed(settings: Settings, version: str) -> str:
    """A version made from another, with one sample less."""
    sample = BankStore(settings).samples(version)[0].id
    return derive(settings, version, Change(aside={sample: "by_hand"}))


def test_an_old_data_folder_opens_unchanged(settings: Settings, store: BankStore) -> None:
    version = store.current()
    assert version
    files = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    assert "bank" not in json.loads((store.root / version / "manifest.json").read_text())
    assert not (store.root / "banks.json").exists()
    again = BankStore(settings)
    assert [bank.id for bank in again.banks.list()] == ["default"]
    assert again.manifest().bank == "default"
    assert again.of_version(version).current() == version
    assert {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()} == files
    # Another bank beside it changes none of its files.
    new_bank(again, "Leather", copy_of="default")
    assert all(path.read_bytes() == data for path, data in files.items())


def test_versions_and_history_are_a_banks_own(settings: Settings, store: BankStore) -> None:
    first = store.current()
    assert first
    leather = store.of(new_bank(store, "皮革 Leather", copy_of="default").id)
    begun = leather.current()
    assert begun
    assert begun != first
    assert leather.manifest().origin is Origin.COPY
    assert [row.version for row in store.list()] == [first]
    assert [row.version for row in leather.list()] == [begun]
    assert len(leather.load().vectors) == len(store.load().vectors)

    second = changed(settings, begun)
    assert store.manifest(second).bank == leather.bank
    leather.publish(second)
    assert (store.current(), leather.current()) == (first, second)
    with pytest.raises(NotFound):
        store.publish(second)
    assert leather.rollback() == begun
    assert (store.current(), leather.current()) == (first, begun)
    with pytest.raises(NotFound):
        store.rollback()
    # What is written is read by others.
    assert BankStore(settings).of("皮革 leather").current() == begun


def test_drafts_are_a_banks_own(settings: Settings, store: BankStore) -> None:
    leather = store.of(new_bank(store, "Leather", copy_of="default").id)
    begun = leather.current()
    made = changed(settings, begun or "")
    Drafts(leather).extend(made, begun)
    assert Drafts(leather).versions() == [made]
    assert Drafts(store).versions() == []
    with pytest.raises(NotFound):
        Drafts(store).discard()
    leather.publish(made)
    assert Drafts(leather).versions() == []


def test_names_and_ids(store: BankStore) -> None:
    leather = store.banks.new("Leather", "from the mill")
    assert leather.id.startswith("leather-")
    assert store.banks.new("客户甲").id.startswith("bank-")
    for name, code in ((" \u200b ", "bank_name_empty"), ("LEATHER", "bank_name_taken")):
        with pytest.raises((InvalidRequest, Conflict)) as refused:
            store.banks.new(name)
        assert refused.value.code == code
    renamed = store.banks.change(leather.id, name="Suede")
    assert (renamed.id, renamed.name, renamed.notes) == (leather.id, "Suede", "from the mill")
    assert store.banks.find("suede").id == leather.id
    with pytest.raises(NotFound):
        store.of("Leather")
    # Its own name, in other letters, is not taken.
    store.banks.change(leather.id, name="SUEDE")
    store.banks.change("default", name="日常")
    assert [bank.name for bank in store.banks.list()] == ["日常", "SUEDE", "客户甲"]
    with pytest.raises(Conflict):
        store.banks.change("default", archived=True)


def test_what_a_job_uses(settings: Settings, store: BankStore) -> None:
    first = store.current()
    leather = store.of(new_bank(store, "Leather", copy_of="default").id)
    assert store.chosen(None).version == first
    assert store.chosen("leather").version == store.chosen(leather.bank).version == leather.current()
    assert store.chosen(leather.current()).bank == leather.bank
    store.banks.new("Empty")
    with pytest.raises(BankError) as none:
        store.chosen("Empty")
    assert none.value.code == "no_bank"
    with pytest.raises(NotFound):
        store.chosen("Silk")
    store.banks.change(leather.bank, archived=True)
    with pytest.raises(Conflict) as archived:
        store.chosen("Leather")
    assert archived.value.code == "bank_archived"


def test_a_bank_that_cannot_be_copied_is_not_made(store: BankStore) -> None:
    empty = store.banks.new("Empty")
    with pytest.raises(BankError):
        new_bank(store, "Copy", copy_of=empty.id)
    manifest = store.root / (store.current() or "") / "manifest.json"
    manifest.write_text(manifest.read_text().replace("class-00", "class-xx"))
    fresh = BankStore(Settings(data_dir=store.root.parent))
    with pytest.raises(BankError):
        new_bank(fresh, "Copy", copy_of="default")
    assert [bank.name for bank in fresh.banks.list()] == ["", "Empty"]


def test_a_copy_shares_no_file_that_changes(store: BankStore, tmp_path: Path) -> None:
    first = store.current() or ""
    before = (store.root / first / "manifest.json").read_bytes()
    leather = store.of(new_bank(store, "Leather", copy_of="default").id)
    made = leather.current() or ""
    leather.remove(made)
    assert not (store.root / made).exists()
    assert (store.root / first / "manifest.json").read_bytes() == before
    store.verify(first)
    with pytest.raises(Conflict):
        store.remove(first)
