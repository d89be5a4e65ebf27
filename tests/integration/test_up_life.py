"""`weft up`: starts everything, restarts what dies, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.product import Product, await_ready, eventually, run_product, start_product, warm_workers


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("life")) as product:
        yield product


def _children(pid: int) -> dict[str, psutil.Process]:
    """What `weft up` started, by its last argument: web, worker, dispatcher, the servers' configs."""
    return {Path(child.cmdline()[-1]).name: child for child in psutil.Process(pid).children()}


def _all(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.parametrize("role", ["web", "worker", "dispatcher", "redis-ledger.conf", "redis-cache.conf"])
def test_what_dies_is_started_again(running: Product, role: str) -> None:
    before = _children(running.process.pid)[role]
    before.kill()
    eventually(lambda: _children(running.process.pid).get(role, before) != before, 20, f"a new {role}")
    await_ready(running)


def test_a_hung_worker_is_restarted_from_outside(running: Product, tmp_path: Path) -> None:
    before = _children(running.process.pid)["worker"]
    for process in [before, *before.children()]:
        process.send_signal(signal.SIGSTOP)
    eventually(lambda: not before.is_running(), 60, "the end of the hung worker")
    await_ready(running)
    assert "gave no sign of life" in running.output()


def test_a_second_one_on_the_same_folder_is_refused(running: Product) -> None:
    second = running.weft("up", "--port", "1")
    assert second.returncode == 1
    assert "already running" in second.stderr


def test_a_port_in_use_is_said(running: Product, tmp_path: Path) -> None:
    other = subprocess.run(
        [*running.process.args, "--data-dir", str(tmp_path / "other")],
        env=running.env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert other.returncode == 1
    assert f"Port {running.settings.port}" in other.stderr
    assert not (tmp_path / "other" / "run" / "redis.json").exists()


def test_the_address_is_printed_once_it_answers(running: Product) -> None:
    assert running.output().count(f"open {running.url}") == 1
    assert requests.get(running.url, timeout=5).ok


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_all_that_it_started_and_finds_its_jobs_again(tmp_path: Path, sig: signal.Signals) -> None:
    with run_product(tmp_path) as product:
        submitted = product.weft("submit", tmp_path / "bank", "--name", "kept", "--watch", "--json")
        assert submitted.returncode == 0, submitted.stderr
        started = _all(product.process.pid)
        assert len(started) > 5
        assert product.stop(sig, 25) == 0
        assert [p for p in started if p.is_running()] == []
        assert not (product.settings.run_dir / "redis.json").exists()
    again = start_product(tmp_path)
    try:
        await_ready(again)
        assert "kept" in again.weft("jobs").stdout
    finally:
        assert again.stop() == 0


def test_a_signal_to_the_whole_group_during_start_up(tmp_path: Path) -> None:
    product = start_product(tmp_path, new_group=True)
    eventually(lambda: bool(_all(product.process.pid)), 20, "a first child")
    started = _all(product.process.pid)
    os.killpg(product.process.pid, signal.SIGINT)
    assert product.stop(signal.SIGINT, 25) == 0
    assert [p for p in started if p.is_running()] == []


def test_nothing_survives_its_being_killed(tmp_path: Path) -> None:
    with run_product(tmp_path) as product:
        started = _all(product.process.pid)
        product.process.kill()
        product.process.wait()
        eventually(lambda: not any(p.is_running() for p in started), 20, "the end of every child")
    # A restart right after it goes on with the same data.
    again = start_product(tmp_path)
    try:
        await_ready(again)
    finally:
        assert again.stop() == 0


def test_two_workers_share_the_cores(tmp_path: Path) -> None:
    with run_product(tmp_path, workers=2) as product:
        assert len(warm_workers(product)) == 2
        workers = [p for p in psutil.Process(product.process.pid).children() if p.cmdline()[-1] == "worker"]
        threads = max(1, len(os.sched_getaffinity(0)) // 2)
        assert {p.environ()["WEFT_THREADS"] for p in workers} == {str(threads)}
