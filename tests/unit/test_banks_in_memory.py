"""A worker's engine keeps the versions that several banks use side by side, and lets go of those used longest ago."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import worker.engine
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.banks import new_bank
from tests.bank_api import built_bank
from worker.engine import Engine


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> BankStore:
    return built_bank(settings, tmp_path / "photos")


@pytest.fixture
def engine(settings: Settings, store: BankStore) -> Iterator[Engine]:
    made = Engine(settings)
    made.refresh()
    yield made
    made.close()


def copies(store: BankStore, count: int) -> list[str]:
    """Versions of new banks."""
    return [store.of(new_bank(store, f"bank {n}", copy_of="default").id).manifest().version for n in range(count)]


def rank_once(engine: Engine, version: str) -> None:
    vectors = engine.encoder.encode_hashes(["ab" * 32])
    assert len(engine.rank(np.asarray(vectors, np.float32), version, "standard")) == 1


def test_banks_in_turns_are_loaded_once(store: BankStore, engine: Engine) -> None:
    versions = [store.current() or "", *copies(store, 4)]
    for version in versions:
        rank_once(engine, version)
    loaded = dict(engine._banks)
    rankers = {version: dict(bank.rankers) for version, bank in loaded.items()}
    assert set(engine.banks) == set(versions)
    for _ in range(3):
        for version in versions:
            rank_once(engine, version)
    assert all(engine._banks[version] is bank for version, bank in loaded.items())
    # Nor is anything made of them again.
    assert {version: bank.rankers for version, bank in engine._banks.items()} == rankers


def test_what_is_too_much_goes(store: BankStore, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    active = store.current() or ""
    versions = copies(store, 3)
    monkeypatch.setattr(worker.engine, "_MAX_BANKS", 3)
    for version in (active, *versions):
        rank_once(engine, version)
    assert engine.banks == tuple(versions)
    # However large they are, the active version and the one at work stay.
    kept = engine._banks[versions[0]]
    monkeypatch.setattr(worker.engine, "_BANK_BYTES", 1)
    rank_once(engine, active)
    assert engine.banks == (versions[2], active)
    assert kept.rankers == {}
