"""Beside a processor hog a core, in the middle of a job: services end in order, each in its time, and lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from tests.product import Product, eventually, make_photos, run_product

ORDER = ("web", "dispatcher", "worker", "redis-ledger.conf")


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that want a whole core each."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in running:
            hog.kill()
            hog.wait()


def _services(product: Product) -> dict[str, psutil.Process]:
    found = {}
    for child in psutil.Process(product.process.pid).children():
        with suppress(psutil.Error):
            found[Path(child.cmdline()[-1]).name] = child
    return found


def _ends(product: Product, services: dict[str, psutil.Process]) -> dict[str, float]:
    """When each service ended, after SIGTERM for all."""
    product.process.send_signal(signal.SIGTERM)
    ends: dict[str, float] = {}
    deadline = time.monotonic() + 60
    while len(ends) < len(services) and time.monotonic() < deadline:
        for name, process in services.items():
            with suppress(psutil.NoSuchProcess):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    continue
            ends.setdefault(name, time.monotonic())
        time.sleep(0.01)
    return ends


@pytest.mark.long
def test_services_end_in_order_under_load(tmp_path: Path) -> None:
    with run_product(tmp_path, engine="sleep:20", preset="standard") as product:
        make_photos(product.photos / "night", classes=20, each=20)
        answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": "night"}, timeout=30)
        night = f"/api/v1/jobs/{answer.json()['id']}"
        eventually(lambda: requests.get(product.url + night, timeout=30).json()["ok"] > 20, 60, "the first photos")
        with hogs(len(os.sched_getaffinity(0))):
            began = time.monotonic()
            ends = _ends(product, _services(product))
            assert product.process.wait(30) == 0
        took = {name: round(at - began, 1) for name, at in ends.items()}
        assert [name for name in sorted(ends, key=ends.__getitem__) if name in ORDER] == list(ORDER), took
        assert "killed" not in product.output(), product.output()
        assert took["redis-ledger.conf"] < 40, took
    with run_product(tmp_path, engine="sleep:1", preset="standard") as again:
        eventually(lambda: requests.get(again.url + night, timeout=30).json()["state"] == "finished", 90, "its end")
        job = requests.get(again.url + night, timeout=30).json()
        assert (job["ok"], job["failed"], job["duplicates"]) == (400, 0, 0), job
