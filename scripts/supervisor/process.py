"""Child processes that end with `weft up`: each in its own session, killed by the kernel when `weft up` is killed."""

from __future__ import annotations

import fcntl
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

#: Earlier logs of a service that are kept: x.log.1 … x.log.3.
KEPT_LOGS = 3
#: Seconds before a restart at the most: the pauses double.
LONGEST_PAUSE = 15.0
#: Becomes the service, and has the kernel end it with `weft up`. Run without site-packages: it starts in milliseconds.
LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))
#: Bytes of one log at the most.
LARGEST_LOG = 64 * 1024**2


class StillRunning(Exception):
    """An earlier run of the service has not ended yet, so that another must not touch its files."""


@dataclass(frozen=True)
class Service:
    """How one process is started."""

    name: str
    argv: tuple[str, ...]
    log: Path
    #: Added to the environment of `weft up`.
    env: Mapping[str, str] = field(default_factory=dict)
    #: A file that the process keeps locked while it lives; a second one waits for it.
    lock: Path | None = None
    #: What the kernel sends when `weft up` is killed.
    orphan_signal: int = signal.SIGKILL
    longest_pause: float = LONGEST_PAUSE
    #: A file that the process can do without; removed when it ends with an error, as it may be what it cannot read.
    disposable: Path | None = None


def spawn(service: Service) -> subprocess.Popen[bytes]:
    """Start `service` in its own session, its output appended to its log.

    Raises StillRunning while an earlier run of it holds `lock`, OSError where the program cannot be run.
    """
    if shutil.which(service.argv[0]) is None:
        raise FileNotFoundError(f"{service.argv[0]} cannot be run")
    with ExitStack() as files:
        log = files.enter_context(service.log.open("ab"))
        kept: tuple[int, ...] = ()
        if service.lock is not None:
            held = files.enter_context(service.lock.open("ab"))
            _lock(held, service.name)
            # The lock belongs to the open file, which from here on only the child holds.
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
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StillRunning(name) from error


def signal_session(process: subprocess.Popen[bytes], sig: int) -> None:
    """Send `sig` to the process and to all that it started; its session outlives it while one of them lives."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, sig)


def cpu_seconds(pid: int) -> float:
    """CPU time that the process and its living descendants have used; 0 where it is gone."""
    total = 0.0
    with suppress(psutil.Error):
        head = psutil.Process(pid)
        for process in (head, *head.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
    return total


def rotate(log: Path) -> None:
    """Keep the last runs' logs beside the new one."""
    for n in range(KEPT_LOGS, 0, -1):
        older = log if n == 1 else log.with_name(f"{log.name}.{n - 1}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{n}"))


def trim(log: Path) -> None:
    """Start a log anew when it has grown large; its writers append, and go on at its new end."""
    # It may be gone, or the disk full.
    with suppress(OSError):
        if log.stat().st_size > LARGEST_LOG:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


def last_lines(log: Path, count: int = 5, size: int = 8192) -> str:
    """The end of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - size))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-count:])


@contextmanager
def only_one(run_dir: Path, data_dir: Path) -> Iterator[None]:
    """Hold the data folder for one `weft up`; raises Conflict (`already_running`) while another has it."""
    with (run_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise Conflict("already_running", data_dir=str(data_dir), pid=file.read().strip() or "?") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)
