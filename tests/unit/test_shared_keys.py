"""Machines that share a storage have the same keys, and a storage that is away opens nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shared.access import shared_keys
from shared.access.keys import Keys
from shared.core.settings import Settings


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_keys, "_TTL", 0.0)


def machine(tmp_path: Path, name: str) -> Keys:
    return Keys.of(Settings(data_dir=tmp_path / name, storage_url=f"file://{tmp_path}/bucket/weft"))


def test_what_one_machine_changes_all_know(tmp_path: Path) -> None:
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    assert not two.required()
    key = one.add("mei", ["submit"])
    assert two.required()
    assert two.holder(key) == "mei"
    second = two.add("li")
    assert one.holder(second) == "li"
    two.remove("mei")
    assert one.holder(key) is None
    assert machine(tmp_path, "three").holder(second) == "li"
    one.off()
    assert not two.required()


def test_while_the_storage_is_away_the_last_keys_hold(tmp_path: Path) -> None:
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    key = one.add("mei")
    assert two.holder(key) == "mei"
    shutil.rmtree(tmp_path / "bucket")
    (tmp_path / "bucket").write_text("no folder")
    assert two.required()
    assert two.holder(key) == "mei"
    assert two.holder("wrong") is None
