"""`weft doctor` on a machine that is busy, short of memory or wrong about the time, and on jobs that wait."""

from __future__ import annotations

import os
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from scripts.cli import running_checks
from scripts.cli.diagnostics import examine
from scripts.cli.finding import Finding
from scripts.supervisor import redis as embedded
from shared.core.settings import Settings, cores
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.model import Lane
from tests.ledger_harness import photos, spec

Memory = namedtuple("Memory", "total available")


def _said(settings: Settings, what: str) -> Finding:
    (finding,) = [finding for finding in examine(settings) if finding.what == what]
    return finding


def test_a_busy_machine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.5 * cores(), 9.0, 9.0))
    assert _said(settings, "load").state == "ok"
    monkeypatch.setattr(os, "getloadavg", lambda: (12.0 * cores(), 0.0, 0.0))
    busy = _said(settings, "load")
    assert busy.state == "note"
    assert "about 12 times as long" in busy.text


@pytest.mark.parametrize(("available", "state"), [(50, "ok"), (8, "note"), (2, "broken")])
def test_little_memory(settings: Settings, available: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(100 * 1024**3, available * 1024**3))
    monkeypatch.setattr(running_checks, "_limited", lambda _: (None, 0))
    found = _said(settings, "memory")
    assert found.state == state
    assert ("fewer workers" in found.text) == (state != "ok")


@pytest.mark.parametrize(("used", "state"), [(900, "ok"), (1850, "note"), (1990, "broken")])
def test_a_container_near_its_limit(used: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine around it has plenty."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(100 * 1024**3, 50 * 1024**3))
    (tmp_path / "memory.max").write_text(f"{2000 << 20}\n")
    # Files in memory that the kernel drops when it needs room.
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {100 << 20}\n")
    (tmp_path / "memory.current").write_text(f"{(used + 100) << 20}\n")
    (found,) = running_checks.memory(tmp_path)
    assert (found.state, "of 2.0 GB available" in found.text) == (state, True)
    (tmp_path / "memory.max").write_text("max\n")
    (found,) = running_checks.memory(tmp_path)
    assert (found.state, "of 100.0 GB available" in found.text) == ("ok", True)


@pytest.mark.parametrize(("off", "said"), [(0.0, "agrees"), (-90.0, "90 s behind"), (90.0, "90 s ahead of")])
def test_a_wrong_clock(
    settings: Settings, redis_pair: embedded.Pair, off: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[[], float] = time.time
    monkeypatch.setattr(running_checks.time, "time", lambda: real() + off)
    found = _said(settings, "clock")
    assert said in found.text
    assert found.state == ("broken" if off else "ok")


def test_a_job_that_waits_says_why(settings: Settings, redis_pair: embedded.Pair) -> None:
    ledger = Ledger.connect(settings)
    job = ledger.submit(spec("night", Lane.BULK), photos(3))
    assert [finding for finding in examine(settings) if finding.what == f"job {job.id}"] == []
    DispatcherLedger(ledger.connection, "this test").note(job.id, "no_worker")
    found = _said(settings, f"job {job.id}")
    assert found.state == "broken"
    assert "No worker is running" in found.text
