"""One Redis for all tests of the ledger, emptied for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.cli import main as cli
from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from tests.elsewhere import Elsewhere, elsewhere
from tests.front import Front, front
from tests.ledger_harness import LedgerHarness
from tests.leftovers import orphans


@pytest.fixture(scope="session")
def ledger_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("ledger"), engine="null", appendfsync="everysec")
    with embedded.running(settings):
        yield settings


@pytest.fixture
def harness(ledger_settings: Settings) -> Iterator[LedgerHarness]:
    """An empty ledger, and everybody who works on it. Nothing may be left of jobs that are gone."""
    ledger = Ledger.connect(ledger_settings)
    ledger.connection.redis.flushall()
    yield LedgerHarness(Ledger.connect(ledger_settings))
    left = orphans(ledger.connection.redis)
    ledger.connection.redis.close()
    assert left == []


@pytest.fixture(scope="session")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A server elsewhere, shared by all tests of its clients."""
    with elsewhere(tmp_path_factory.mktemp("elsewhere")) as running:
        yield running


@pytest.fixture
def before(far: Elsewhere) -> Iterator[Front]:
    """A proxy in front of it."""
    with front(far.port) as made:
        yield made


@pytest.fixture
def here(far: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Its client in this process, so that a test can step in between; returns the exit code."""

    def run(*line: str | Path) -> int:
        return cli.run(list(map(str, line)))

    for name, value in far.environment().items():
        monkeypatch.setenv(name, value)
    return run
