"""New jobs are refused while there is no room, with a time to come back; what was accepted goes on."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import requests

from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.jobs.admission import require_room
from shared.jobs.ledger import Ledger
from tests.ledger_harness import LedgerHarness
from tests.product import Product

Usage = namedtuple("Usage", "total used free")
GIB = 1024**3


def test_memory(harness: LedgerHarness, ledger_settings: Settings) -> None:
    used, _ = harness.ledger.memory()
    try:
        harness.redis.config_set("maxmemory", int(used / 0.5))
        require_room(ledger_settings, harness.ledger)
        harness.redis.config_set("maxmemory", int(used / 0.7))
        with pytest.raises(Unavailable) as refused:
            require_room(ledger_settings, harness.ledger)
        assert refused.value.code == "memory_full"
    finally:
        harness.redis.config_set("maxmemory", "0")
    require_room(ledger_settings, harness.ledger)


@pytest.mark.parametrize(
    ("total", "free", "reserve", "short"),
    [
        (50 * GIB, 4 * GIB, 10_240, True),
        (50 * GIB, 6 * GIB, 10_240, False),
        (4000 * GIB, 9 * GIB, 10_240, True),
        (4000 * GIB, 11 * GIB, 10_240, False),
        (4000 * GIB, 11 * GIB, 20_480, True),
        (GIB, GIB // 20, 10_240, True),
        (GIB, GIB // 20, 0, False),
    ],
)
def test_disk(
    harness: LedgerHarness,
    ledger_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    total: int,
    free: int,
    reserve: int,
    short: bool,
) -> None:
    settings = ledger_settings.model_copy(update={"disk_reserve_mb": reserve})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total, total - free, free))
    if not short:
        require_room(settings, harness.ledger)
        return
    with pytest.raises(Unavailable) as refused:
        require_room(settings, harness.ledger)
    assert refused.value.code == "disk_full"


def test_the_web_says_when_to_come_back(product: Product, tmp_path: Path) -> None:
    ledger = Ledger.connect(product.settings)
    redis = ledger.connection.redis
    limit = redis.config_get("maxmemory")["maxmemory"]
    photo = {"files": ("a.jpg", b"x", "image/jpeg")}
    try:
        redis.config_set("maxmemory", int(ledger.memory()[0] / 0.7))
        for path, sent in (("jobs", {"files": photo}), ("jobs/folder", {"json": {"path": str(product.photos)}})):
            answer = requests.post(f"{product.url}/api/v1/{path}", timeout=10, **sent)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["code"]) == (503, "memory_full")
            assert int(answer.headers["Retry-After"]) > 0
        # Reading goes on.
        assert requests.get(f"{product.url}/api/v1/jobs", timeout=10).status_code == 200
    finally:
        redis.config_set("maxmemory", limit)
        redis.close()
