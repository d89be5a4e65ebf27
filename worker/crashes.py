"""Counts the children of a worker that ended before they were of any use, so that a crash loop is said in words."""

from __future__ import annotations

import multiprocessing

from shared.core.errors import WeftError
from shared.core.log_tail import last_line, own_log

#: Crashes in a row that make a loop.
LOOP = 3
#: Seconds of readiness after which a child's earlier crashes are forgotten.
STABLE_SECONDS = 30.0


class Crashes:
    """Made in the parent before it forks; shared with every child."""

    def __init__(self) -> None:
        self._starts = multiprocessing.Value("i", 0)

    def child_started(self) -> None:
        with self._starts.get_lock():
            self._starts.value += 1

    def child_is_stable(self) -> None:
        with self._starts.get_lock():
            self._starts.value = 1

    def error(self) -> WeftError | None:
        """`worker_crashes` while the children crash one after another, else None."""
        crashes = self._starts.value - 1
        return WeftError("worker_crashes", times=crashes, line=last_line(own_log())) if crashes >= LOOP else None
