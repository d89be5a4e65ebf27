"""What a decoding process may not do: the kernel's own limits, set once and inherited by nobody.

A process that may open no further descriptor reaches no file, no network and no other process; see setrlimit(2),
prctl(2) and setitimer(2). Everything that decoding needs is opened and imported before.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass

_PR_SET_NO_NEW_PRIVS = 38
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


#: Said where the kernel lets a process open nothing more.
CONFINED = "no opening of files or connections"


@dataclass(frozen=True, slots=True)
class Confinement:
    """Limits of one decoding process."""

    #: Bytes of address space beyond what the process has at its start; 0: no limit.
    memory: int
    #: Seconds of processor time for one photo; the kernel ends the process that uses more.
    cpu_seconds: float

    def enter(self) -> list[str]:
        """Confines this process for good; returns the limits that apply, in words."""
        limits = [f"{self.cpu_seconds:g} s of processor time for a photo"]
        if self.memory and _limit(resource.RLIMIT_AS, _address_space() + self.memory):
            limits.append(f"{self.memory >> 20} MiB of memory")
        if _limit(resource.RLIMIT_FSIZE, 0):
            limits.append("no writing to files")
        if _limit(resource.RLIMIT_CORE, 0):
            limits.append("no core dump")
        if _LIBC is not None and _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            limits.append("no new privileges")
        # Last: from here on nothing can be opened, neither file nor socket.
        if _limit(resource.RLIMIT_NOFILE, 0):
            limits.append(CONFINED)
        return limits

    def begin_photo(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, self.cpu_seconds)

    def end_photo(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)


#: The signal that ends a process whose photo used up its processor time.
OVER_TIME = signal.SIGPROF


def opens_nothing() -> bool:
    """Whether this process is confined for good, so that no file can get into a picture."""
    return resource.getrlimit(resource.RLIMIT_NOFILE) == (0, 0)


def _limit(what: int, value: int) -> bool:
    try:
        resource.setrlimit(what, (value, value))
    except (OSError, ValueError):
        return False
    return True


def _address_space() -> int:
    """Bytes of virtual memory that this process has now."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
