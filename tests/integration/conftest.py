"""One Redis for all tests of the ledger, emptied for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from scripts.cli import main as cli
from scripts.supervisor import redis as embedded
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from tests.banks import by_label, clustered, make_bank
from tests.elsewhere import Elsewhere, elsewhere
from tests.front import Front, front
from tests.ledger_harness import LedgerHarness
from tests.leftovers import orphans
from web.app import create_app


@pytest.fixture(scope="session")
def ledger_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("ledger"), engine="null", appendfsync="everysec")
    with embedded.running(settings):
        yield settings


@pytest.fixture
def harness(ledger_settings: Settings) -> Iterator[LedgerHarness]:
    """An empty ledger, and everybody who works on it. Nothing may be left of jobs that are gone."""
    # Archived jobs of an earlier test are in the data folder, which all tests of a session share.
    shutil.rmtree(ledger_settings.jobs_dir, ignore_errors=True)
    ledger = Ledger.connect(ledger_settings)
    ledger.connection.redis.flushall()
    yield LedgerHarness(Ledger.connect(ledger_settings))
    left = orphans(ledger.connection.redis)
    ledger.connection.redis.close()
    assert left == []


@pytest.fixture
def swatches(tmp_path: Path) -> Path:
    """A folder with a photo, below the roots of `ledger_site`."""
    found = tmp_path / "swatches"
    found.mkdir()
    (found / "a.jpg").write_bytes(b"\xff\xd8\xffphoto 1")
    return found


@pytest.fixture
def ledger_site(harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path, swatches: Path) -> Settings:
    """A data folder with a bank, on the ledger of `harness`."""
    url = SecretStr(addresses(ledger_settings).ledger)
    settings = Settings(data_dir=tmp_path / "data", redis_url=url, engine="null", folder_roots=str(swatches.parent))
    make_bank(settings, by_label(clustered(2)))
    return settings


@pytest.fixture
def ledger_client(ledger_site: Settings) -> FlaskClient:
    return create_app(ledger_site).test_client()


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
