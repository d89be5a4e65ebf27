"""What a worker uses: Celery's parent, the child that works, and the processes that decode for it."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil

#: Seconds between two counts of processes and their memory: the kernel adds up every mapping for it, tens of
#: milliseconds where a model is mapped.
_COUNT_INTERVAL = 30.0


class ProcessUsage:
    def __init__(self, head: psutil.Process) -> None:
        self._head = head
        self._known: dict[int, psutil.Process] = {}
        self._megabytes = 0.0
        self._next_count = 0.0

    def measure(self) -> tuple[float, float]:
        """(percent of one core since the last call, megabytes); memory that several share is counted once.

        Raises psutil.Error where the first process has ended.
        """
        if not self._head.is_running():
            raise psutil.NoSuchProcess(self._head.pid)
        if time.monotonic() >= self._next_count:
            self._count()
            self._next_count = time.monotonic() + _COUNT_INTERVAL
        percent = 0.0
        for process in self._known.values():
            with suppress(psutil.Error):
                percent += process.cpu_percent()
        return round(percent, 1), round(self._megabytes, 1)

    def counted_again(self) -> None:
        """The next measurement counts again."""
        self._next_count = 0.0

    def _count(self) -> None:
        living = {process.pid: process for process in (self._head, *self._head.children(recursive=True))}
        # The objects remember the time of their last call.
        self._known = {pid: self._known.get(pid, process) for pid, process in living.items()}
        size = 0.0
        for process in self._known.values():
            with suppress(psutil.Error):
                size += process.memory_full_info().pss
        self._megabytes = size / 1024**2
