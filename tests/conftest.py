"""Fixtures for every test: settings in a folder of their own, the embedded Redis pair, and a whole running product."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from PIL import Image

from scripts.supervisor import redis as embedded
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from tests.environment import FOR_TESTS
from tests.leftovers import no_orphans
from tests.product import Product, run_product

# The machine may be busy with other things.
hypothesis.settings.register_profile("weft", deadline=None)
hypothesis.settings.load_profile("weft")


@pytest.fixture(autouse=True, scope="session")
def _neutral_environment() -> Iterator[None]:
    """Tests never see the settings of the person who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WEFT_")]:
            patch.delenv(name)
        patch.setenv("WEFT_LANG", "en")
        for name, value in FOR_TESTS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def _pillow_keeps_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding sets Pillow's limit of pixels for the whole process; the next test finds it as it was."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose data folder is this test's own; no Redis runs yet."""
    return Settings(data_dir=tmp_path / "data", engine="null")


@pytest.fixture
def redis_pair(settings: Settings) -> Iterator[embedded.Pair]:
    """Both embedded servers for one test, announced in `settings.data_dir`, so that `Ledger.connect(settings)` works.

    A machine without any Redis server is an error here, never a skip.
    """
    with embedded.running(settings) as pair:
        yield pair
        no_orphans(addresses(settings).ledger, patience=0)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One real `weft up` with the null engine, a small published bank and one worker, shared by the whole session."""
    with run_product(tmp_path_factory.mktemp("product")) as running:
        yield running


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Another real `weft up`, whose bank tests may change; its worker takes a few milliseconds a photo."""
    with run_product(tmp_path_factory.mktemp("curated"), engine="sleep:3") as running:
        yield running


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """How a test process of pytest-xdist ended that nobody asked to end."""
    if error:
        with suppress(Exception):
            print(f"\nexit status of {node.gateway.id}: {node.gateway._io.popen.wait(10)}", flush=True)


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str) -> None:
    """Ends the run: with `--dist loadfile` pytest-xdist 3.8 would wait for ever for the tests of a crashed process."""
    pytest.exit(f"a test process ended in the middle of {crashitem}", returncode=1)
