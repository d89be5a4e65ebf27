"""A backup of a ledger in use: restored, it is that moment's, its files are there, and its jobs go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.supervisor import redis as embedded
from shared.access.audit import Audit
from shared.access.keys import Keys
from shared.bank.store import BankStore
from shared.core.errors import Conflict, NotFound
from shared.core.settings import Settings
from shared.curation.banks import new_bank
from shared.curation.derive import Change, derive
from shared.jobs.ledger import Ledger
from shared.jobs.model import Lane
from shared.jobs.projection import caught_up
from shared.jobs.reviews import Review
from shared.maintenance import backup
from shared.storage.local import LocalStorage
from tests.banks import by_label, clustered, make_bank
from tests.ledger_harness import LedgerHarness, sha


@pytest.fixture
def restored(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "restored", engine="null")


def test_a_half_done_job_goes_on(
    settings: Settings, redis_pair: embedded.Pair, restored: Settings, tmp_path: Path
) -> None:
    harness, target = LedgerHarness(Ledger.connect(settings)), tmp_path / "backup"
    LocalStorage(settings.data_dir).put(b"p0", sha("p0"))
    job = harness.submit(100)
    harness.admit(job)
    first = harness.worker().claim(Lane.BULK)
    assert first is not None
    harness.finish(harness.worker(), first)
    second = harness.worker().claim(Lane.BULK)
    assert second is not None
    with caught_up(settings, harness.ledger, job.id) as projection:
        projection.review(0, Review(label="corrected"))
    made = backup.save(settings, target)
    assert (made.jobs, made.new_files) == (1, 1)
    # What happens afterwards is not in it, though its projection may be.
    harness.finish(harness.worker(), second)
    assert harness.ledger.job(job.id).done == len(first.items) + len(second.items)
    assert backup.load(restored, target) == made
    harness.redis.close()
    with embedded.running(restored):
        again = LedgerHarness(Ledger.connect(restored))
        assert again.ledger.job(job.id).done == len(first.items)
        again.lapse(job)
        again.sweep(job)
        again.drain(again.worker(), Lane.BULK)
        again.check(job)
        with caught_up(restored, again.ledger, job.id) as projection:
            assert [row["index"] for row in projection.rows()] == list(range(100))
            assert [row["index"] for row in projection.corrections()] == [0]
        assert LocalStorage(restored.data_dir).read(sha("p0")) == b"p0"
        again.redis.close()


def test_a_second_backup_copies_what_is_new(settings: Settings, redis_pair: embedded.Pair, tmp_path: Path) -> None:
    storage = LocalStorage(settings.data_dir)
    storage.put(b"p0", sha("p0"))
    assert backup.save(settings, tmp_path / "backup").new_files == 1
    storage.put(b"p1", sha("p1"))
    assert backup.save(settings, tmp_path / "backup").new_files == 1


def test_keys_go_with_it_and_removed_ones_do_not_come_back(
    settings: Settings, redis_pair: embedded.Pair, restored: Settings, tmp_path: Path
) -> None:
    keys, target = Keys.of(settings), tmp_path / "backup"
    keys.add("old")
    backup.save(settings, target)
    keys.remove("old")
    key = keys.add("new")
    backup.save(settings, target)
    backup.load(restored, target)
    assert Keys.of(restored).holder(key) == "new"
    assert list(Keys.of(restored).rows()) == ["new"]


def test_all_banks_go_with_it(
    settings: Settings, redis_pair: embedded.Pair, restored: Settings, tmp_path: Path
) -> None:
    make_bank(settings, by_label(clustered(3)))
    store, target = BankStore(settings), tmp_path / "backup"
    leather = new_bank(store, "Leather", copy_of="default")
    backup.save(settings, target)
    # What changes under its name is taken again.
    store.banks.change(leather.id, name="Suede")
    other = new_bank(store, "Silk", copy_of="Suede")
    store.of(other.id).publish(derive(settings, store.of(other.id).current(), Change()))
    backup.save(settings, target)
    backup.load(restored, target)
    again = BankStore(restored)
    assert again.banks.list() == store.banks.list()
    for bank in ("default", "Suede", "Silk"):
        assert again.of(bank).state.read() == store.of(bank).state.read()
        assert len(again.of(bank).load().vectors) == 18


def test_the_audit_log_goes_with_it(
    settings: Settings, redis_pair: embedded.Pair, restored: Settings, tmp_path: Path
) -> None:
    for who in ("mei", "li"):
        Audit(settings).record(who, "login")
        backup.save(settings, tmp_path / "backup")
    backup.load(restored, tmp_path / "backup")
    assert [event.who for event in Audit(restored).events()] == ["li", "mei"]


def test_a_projection_ahead_of_its_ledger_is_folded_again(settings: Settings, redis_pair: embedded.Pair) -> None:
    """As after a power cut with `everysec`: the ledger has lost what was folded already."""
    harness = LedgerHarness(Ledger.connect(settings))
    job = harness.submit(100)
    harness.admit(job)
    for _ in range(2):
        claim = harness.worker().claim(Lane.BULK)
        assert claim is not None
        harness.finish(harness.worker(), claim)
    with caught_up(settings, harness.ledger, job.id) as projection:
        ahead = len(list(projection.rows()))
    harness.redis.rpop(f"weft:{{{job.id}}}:log")
    with caught_up(settings, harness.ledger, job.id) as projection:
        assert 0 < len(list(projection.rows())) < ahead
        assert projection.behind(harness.ledger) == 0
    # The lasting record of a job that has left the ledger stays.
    harness.redis.flushall()
    with caught_up(settings, harness.ledger, job.id) as projection:
        assert len(list(projection.rows())) > 0
    harness.redis.close()


def test_what_cannot_be_restored_is_refused(
    settings: Settings, redis_pair: embedded.Pair, restored: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    with pytest.raises(Conflict) as inside:
        backup.save(settings, settings.data_dir / "inside")
    assert inside.value.code == "backup_inside_data"
    made = backup.save(settings, target)
    with pytest.raises(Conflict) as full:
        backup.load(settings, target)
    assert full.value.code == "restore_not_empty"
    (target / "backup.json").write_text(json.dumps({**made.to_json(), "schema": 99}))
    with pytest.raises(Conflict) as unknown:
        backup.load(restored, target)
    assert unknown.value.code == "schema_unknown"
    (target / "backup.json").unlink()
    with pytest.raises(NotFound):
        backup.load(restored, target)
    assert not restored.data_dir.exists()
