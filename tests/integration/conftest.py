"""One Redis for all tests of the ledger, emptied for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
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
