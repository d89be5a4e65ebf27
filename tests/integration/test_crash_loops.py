"""A worker that crashes again and again says so in words, with the last line of its log, until it stays up."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.product import Product, eventually, run_product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("crashes")) as running:
        yield running


def _workers(product: Product) -> list[dict[str, Any]]:
    return list(requests.get(f"{product.url}/api/v1/workers", timeout=30).json()["workers"])


def _crashing(product: Product) -> list[str]:
    found = [worker["error"] for worker in _workers(product) if worker.get("error")]
    return [error["message"] for error in found if error["code"] == "worker_crashes"]


def _healthy(product: Product) -> bool:
    workers = _workers(product)
    return bool(workers) and all(w["state"] in ("ready", "busy") for w in workers)


def _parent(product: Product) -> psutil.Process | None:
    for child in psutil.Process(product.process.pid).children():
        with suppress(psutil.Error):
            if child.cmdline()[-1:] == ["worker"]:
                return child
    return None


def _children(product: Product) -> list[psutil.Process]:
    """Celery's children of the worker: those that would have the engine."""
    parent = _parent(product)
    with suppress(psutil.Error):
        return parent.children() if parent else []
    return []


def _everywhere(product: Product, sentence: str) -> None:
    assert sentence in requests.get(f"{product.url}/workers", timeout=30).text
    checks = json.loads(product.weft("doctor", "--json").stdout)["checks"]
    assert [check for check in checks if check["state"] == "broken" and sentence in check["text"]], checks


def _kill_until_said(product: Product, victims: Any) -> str:
    known: set[int] = set()
    said: list[str] = []
    deadline = time.monotonic() + 120
    while not said:
        assert time.monotonic() < deadline
        for process in victims(product):
            if process is not None and process.pid not in known:
                known.add(process.pid)
                # Not before it can be counted.
                time.sleep(0.5)
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.2)
        said = _crashing(product)
    return said[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "victims",
    [
        pytest.param(lambda p: [_parent(p)], id="worker"),
        pytest.param(_children, id="child", marks=pytest.mark.long),
    ],
)
def test_a_crash_loop_is_said_and_is_over(product: Product, victims: Any) -> None:
    eventually(lambda: _healthy(product), 90, "a worker")
    said = _kill_until_said(product, victims)
    assert "times in a row" in said
    # The last line of its log.
    assert len(said.partition("ends with: ")[2]) > 10, said
    _everywhere(product, "times in a row")
    eventually(lambda: _healthy(product), 120, "the end of the loop")
    assert Path(product.settings.run_dir / "worker-1.log").stat().st_size
