"""Child processes bound to `weft up`: each in its own session, killed by the kernel when `weft up` dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from shared.core.errors import Conflict
from shared.core.files import try_lock

#: Number of rotated logs per service: x.log.1 … x.log.3.
KEPT_LOGS = 3
#: Maximum seconds before a restart (the delays double).
MAX_RESTART_DELAY = 15.0
#: Sets PR_SET_PDEATHSIG, then execs the service. Without site-packages it starts in milliseconds.
LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))
#: Maximum bytes of one log.
MAX_LOG_BYTES = 64 * 1024**2


class StillRunning(Exception):
    """An earlier instance of the service is still running, so that a new one must not touch its files."""


@dataclass(frozen=True)
class Service:
    """How one process is started."""

    name: str
    argv: tuple[str, ...]
    log: Path
    #: Added to the environment of `weft up`.
    env: Mapping[str, str] = field(default_factory=dict)
    #: A file that the process keeps locked for its lifetime; a second instance waits for it.
    lock: Path | None = None
    #: Signal that the kernel sends when `weft up` dies.
    orphan_signal: int = signal.SIGKILL
    max_restart_delay: float = MAX_RESTART_DELAY
    #: An expendable file, removed when the process ends with an error, as it may be the cause.
    disposable: Path | None = None


def spawn(service: Service) -> subprocess.Popen[bytes]:
    """Starts `service` in its own session, with its output appended to its log.

    Raises StillRunning while an earlier instance holds `lock`, OSError if the program cannot be run.
    """
    if shutil.which(service.argv[0]) is None:
        raise FileNotFoundError(f"{service.argv[0]} cannot be run")
    with ExitStack() as files:
        log = files.enter_context(service.log.open("ab"))
        kept: tuple[int, ...] = ()
        if service.lock is not None:
            held = files.enter_context(service.lock.open("ab"))
            _lock(held, service.name)
            # The lock belongs to the open file description, which only the child keeps from here on.
            kept = (held.fileno(),)
        return subprocess.Popen(
            # Never preexec_fn: Python code between fork and exec deadlocks or crashes where the caller has threads.
            [*LAUNCHER, str(os.getpid()), str(int(service.orphan_signal)), *service.argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **service.env},
            start_new_session=True,
            pass_fds=kept,
        )


def _lock(file: IO[bytes], name: str) -> None:
    if not try_lock(file):
        raise StillRunning(name)


def signal_session(process: subprocess.Popen[bytes], sig: int) -> None:
    """Sends `sig` to the process and its descendants; the session outlives its leader."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, sig)


def cpu_seconds(pid: int) -> float:
    """CPU time used by the process and its live descendants; 0 if it has ended."""
    total = 0.0
    with suppress(psutil.Error):
        head = psutil.Process(pid)
        for process in (head, *head.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
    return total


def rotate(log: Path) -> None:
    """Rotates the logs of earlier runs."""
    for n in range(KEPT_LOGS, 0, -1):
        older = log if n == 1 else log.with_name(f"{log.name}.{n - 1}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{n}"))


def trim(log: Path) -> None:
    """Rotates a log that has grown too large by truncation; its writers append."""
    # It may not exist, or the disk may be full.
    with suppress(OSError):
        if log.stat().st_size > MAX_LOG_BYTES:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


@contextmanager
def single_instance(run_dir: Path, data_dir: Path) -> Iterator[None]:
    """Locks the data folder for one `weft up`; raises Conflict (`already_running`) while another holds it."""
    with (run_dir / "up.lock").open("a+") as file:
        if not try_lock(file):
            file.seek(0)
            raise Conflict("already_running", data_dir=str(data_dir), pid=file.read().strip() or "?")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)
