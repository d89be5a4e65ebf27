"""`weft up`: starts everything, restarts what dies, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.product import Product, await_ready, eventually, run_product, start_product, warm_workers


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("life")) as product:
        yield product


def _children(product: Product) -> dict[str, psutil.Process]:
    """What `weft up` started and still lives, by its last argument: web, worker, dispatcher, the servers' configs."""
    found = {}
    for child in psutil.Process(product.process.pid).children():
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and child.cmdline():
                found[Path(child.cmdline()[-1]).name] = child
    return found


def _warm(product: Product) -> list[dict[str, Any]]:
    return [beat for beat in warm_workers(product) if psutil.pid_exists(beat["pid"])]


def _all(product: Product) -> list[psutil.Process]:
    return psutil.Process(product.process.pid).children(recursive=True)


def _gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


@pytest.mark.parametrize("role", ["web", "worker", "dispatcher", "redis-ledger.conf", "redis-cache.conf"])
def test_what_dies_is_started_again(running: Product, role: str) -> None:
    before = _children(running)[role]
    before.kill()
    eventually(lambda: _children(running).get(role, before) != before, 20, f"a new {role}")
    await_ready(running)


@pytest.mark.long
def test_a_hung_worker_is_restarted_from_outside(running: Product) -> None:
    before = _children(running)["worker"]
    # Not the heartbeat of the one that an earlier test killed: a worker that starts has a longer patience.
    eventually(lambda: any(os.getsid(beat["pid"]) == before.pid for beat in _warm(running)), 60, "its heartbeat")
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


@pytest.mark.slow
def test_ctrl_c_ends_all_and_a_restart_finds_the_jobs_again(tmp_path: Path) -> None:
    with run_product(tmp_path) as product:
        submitted = product.weft("submit", tmp_path / "bank", "--name", "kept", "--watch", "--json")
        assert submitted.returncode == 0, submitted.stderr
        started = _all(product)
        assert len(started) > 5
        assert product.stop(signal.SIGINT, 25) == 0
        assert _gone(started)
        assert not (product.settings.run_dir / "redis.json").exists()
    with run_product(tmp_path) as again:
        assert "kept" in again.weft("jobs").stdout


@pytest.mark.slow
def test_ctrl_c_during_start_up_reaches_the_whole_group_and_ends_all(tmp_path: Path) -> None:
    product = start_product(tmp_path, new_group=True)
    try:
        eventually(lambda: bool(_all(product)), 20, "a first child")
        started = _all(product)
        os.killpg(product.process.pid, signal.SIGINT)
        assert product.process.wait(25) == 0
    finally:
        product.stop()
    assert _gone(started)


@pytest.mark.long
def test_nothing_survives_its_being_killed_and_the_next_one_starts_at_once(tmp_path: Path) -> None:
    with run_product(tmp_path, bank=False) as product:
        started = _all(product)
        product.process.kill()
        product.process.wait()
    with run_product(tmp_path, bank=False):
        eventually(lambda: _gone(started), 20, "the end of every child")


@pytest.mark.slow
def test_two_workers_share_the_cores_and_end_on_sigterm(tmp_path: Path) -> None:
    with run_product(tmp_path, workers=2, bank=False) as product:
        started = _all(product)
        workers = [process for process in started if process.cmdline()[-1] == "worker"]
        threads = max(1, len(os.sched_getaffinity(0)) // 2)
        assert {process.environ()["WEFT_THREADS"] for process in workers} == {str(threads)}
        assert product.stop(signal.SIGTERM, 25) == 0
        assert _gone(started)
