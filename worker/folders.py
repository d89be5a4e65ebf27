"""Which jobs' folders this worker can read.

A machine without the mount must not fail a job's photos: failing is quicker than classifying, so it would take most
of the job. It hands the chunk back, reports what it cannot see, and leaves that job to others until it can.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)

#: Seconds between two looks at a folder that could not be read.
RECHECK_INTERVAL = 5.0
#: Seconds in which a folder has to answer.
CHECK_SECONDS = 5.0
#: Seconds after which a job that was not offered again is forgotten: it has ended.
FORGET_SECONDS = 3600.0


def readable(path: str, roots: Sequence[Path]) -> bool:
    """Whether the folder of a job can be read here: it lies below an allowed root, and holds something.

    A folder without any entry is a mount point whose share is not mounted: the job's photos were listed in it.
    """
    real = os.path.realpath(path)
    if not any(os.path.commonpath([real, root]) == str(root) for root in roots):
        return False
    try:
        with os.scandir(real) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


class Folders:
    """Remembers the jobs whose folder cannot be read. Used from several threads."""

    def __init__(self, roots: Sequence[Path], check_seconds: float = CHECK_SECONDS) -> None:
        self._roots = tuple(roots)
        self._check_seconds = check_seconds
        #: Folder → the look at it that has not returned yet.
        self._looks: dict[str, Future[bool]] = {}
        #: Job id → its folder, and when a chunk of it was last refused.
        self._unreadable: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def is_readable(self, job: str, path: str) -> bool:
        """Whether the job's folder can be read now; if not, the job is left to other workers."""
        if self._answers(path):
            self._forget(job)
            return True
        with self._lock:
            if job not in self._unreadable:
                _log.warning("folder_not_visible", job=job, path=path)
            self._unreadable[job] = (path, time.monotonic())
        return False

    def unreadable_jobs(self) -> list[str]:
        """Ids of the jobs whose folder cannot be read."""
        with self._lock:
            return list(self._unreadable)

    def watch(self, stop: threading.Event) -> None:
        """Looks again at what could not be read, until `stop`; in a thread of its own: a dead share takes its time."""
        while not stop.wait(RECHECK_INTERVAL):
            with self._lock:
                known = list(self._unreadable.items())
            for job, (path, refused) in known:
                if time.monotonic() - refused > FORGET_SECONDS or self._answers(path):
                    self._forget(job)

    def _answers(self, path: str) -> bool:
        """Whether the folder can be read, and answers in time: a dead share may hang whoever looks at it, for ever."""
        with self._lock:
            look = self._looks.get(path)
            if look is None:
                look = self._looks[path] = Future()
                threading.Thread(target=self._look, args=(path, look), name="look", daemon=True).start()
        try:
            return look.result(timeout=self._check_seconds)
        except TimeoutError:
            return False

    def _look(self, path: str, look: Future[bool]) -> None:
        found = False
        try:
            found = readable(path, self._roots)
        finally:
            with self._lock:
                del self._looks[path]
            look.set_result(found)

    def _forget(self, job: str) -> None:
        with self._lock:
            if self._unreadable.pop(job, None):
                _log.info("folder_visible", job=job)
