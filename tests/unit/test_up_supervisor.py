"""Services are restarted with a growing pause, and ended together with what they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.supervisor import process, supervisor
from scripts.supervisor.signals import Signals
from tests.product import eventually


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def keeper(said: list[str]) -> Iterator[supervisor.Supervisor]:
    made = supervisor.Supervisor(Signals(), lambda name, text: said.append(f"{name}: {text}"))
    yield made
    made.end(made.processes, 0)


def _python(tmp_path: Path, code: str, name: str = "trial") -> process.Service:
    return process.Service(name, (sys.executable, "-c", code), tmp_path / f"{name}.log")


SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def test_what_ends_is_started_again_after_a_pause(
    keeper: supervisor.Supervisor, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "INITIAL_RESTART_DELAY", 0.05)
    managed = keeper.add(_python(tmp_path, "raise SystemExit(3)"))

    def three_times() -> bool:
        keeper.tick()
        return managed.failures == 3

    eventually(three_times, 20)
    pauses = [line.split(" in ")[1].split(" s")[0] for line in said]
    assert pauses == ["0.05", "0.1", "0.2"]
    assert "exit code 3" in said[0]


def test_the_longest_pause_is_bounded(keeper: supervisor.Supervisor, tmp_path: Path) -> None:
    managed = keeper.add(_python(tmp_path, "raise SystemExit(3)"))
    managed.failures = 10
    assert managed.process is not None
    managed.process.wait()
    keeper.tick()
    assert managed.retry_at - time.monotonic() <= process.MAX_RESTART_DELAY


def test_one_that_runs_once_is_not_started_again(
    keeper: supervisor.Supervisor, said: list[str], tmp_path: Path
) -> None:
    managed = keeper.add(_python(tmp_path, "pass"), once=True)
    assert managed.process is not None
    managed.process.wait()
    keeper.tick()
    keeper.tick()
    assert managed.done
    assert managed.process is None
    assert said == ["trial: done"]


def test_the_end_waits_only_so_long(keeper: supervisor.Supervisor, said: list[str], tmp_path: Path) -> None:
    managed = keeper.add(_python(tmp_path, STUBBORN))
    eventually(lambda: "up" in managed.service.log.read_text(), 20)
    began = time.monotonic()
    keeper.end([managed], 0.3)
    assert 0.3 <= time.monotonic() - began < 3
    assert not managed.running
    assert said == ["trial: did not end in time: killed"]


def test_the_end_takes_what_the_service_started(keeper: supervisor.Supervisor, tmp_path: Path) -> None:
    code = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True); {SLEEP}"
    )
    managed = keeper.add(_python(tmp_path, code))
    eventually(lambda: managed.service.log.read_text().endswith("\n"), 20)
    grandchild = psutil.Process(int(managed.service.log.read_text()))
    keeper.end([managed], 5)
    eventually(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, 5)


def test_a_stopped_service_ends_too(keeper: supervisor.Supervisor, said: list[str], tmp_path: Path) -> None:
    managed = keeper.add(_python(tmp_path, SLEEP))
    assert managed.process is not None
    managed.process.send_signal(signal.SIGSTOP)
    keeper.end([managed], 10)
    assert said == []


def test_a_service_has_a_session_of_its_own(keeper: supervisor.Supervisor, tmp_path: Path) -> None:
    managed = keeper.add(_python(tmp_path, SLEEP))
    assert managed.process is not None
    assert os.getsid(managed.process.pid) == managed.process.pid != os.getsid(0)


def test_what_cannot_be_run_is_said_and_tried_again(
    keeper: supervisor.Supervisor, said: list[str], tmp_path: Path
) -> None:
    managed = keeper.add(process.Service("trial", (str(tmp_path / "nothing"),), tmp_path / "trial.log"))
    assert managed.process is None
    assert "nothing cannot be run; starting it again" in said[0]


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_service_ends_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from scripts.supervisor.process import Service, spawn; "
        f"child = spawn(Service('x', (sys.executable, '-c', {SLEEP!r}), Path({str(tmp_path / 'x.log')!r}))); "
        "print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    pid = int(killed.stdout)
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 10)


def test_logs_are_kept_over_restarts_and_never_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "web.log"
    for run in range(6):
        process.rotate(log)
        log.write_text(f"run {run}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log", "web.log.1", "web.log.2", "web.log.3"]
    assert (tmp_path / "web.log.1").read_text() == "run 4"
    monkeypatch.setattr(process, "MAX_LOG_BYTES", 3)
    process.trim(log)
    assert log.read_text() == ""
    assert (tmp_path / "web.log.1").read_text() == "run 5"
