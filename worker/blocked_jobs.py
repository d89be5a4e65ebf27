"""Jobs that this worker cannot do now, through no fault of their photos: each is tried again after a while."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog

from shared.core.errors import Unavailable, WeftError
from shared.jobs.heartbeat import BlockedJob
from shared.jobs.model import OBSTACLES

_log = structlog.get_logger(__name__)

#: Seconds until a blocked job is tried again; doubled each time up to the maximum.
FIRST_DELAY, MAX_DELAY = 1.0, 30.0
#: Seconds after its next attempt is due in which a job that is not offered again is forgotten: it has ended, or another
#: worker does it.
FORGET_SECONDS = 60.0


@dataclass(slots=True)
class _Blocked:
    error: WeftError
    #: Monotonic seconds of the next attempt.
    retry_at: float
    delay: float


class BlockedJobs:
    """Used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, _Blocked] = {}

    def add(self, job: str, error: WeftError) -> None:
        """The job's photos were handed back because of `error`."""
        if error.code not in OBSTACLES:
            error = Unavailable("worker_failed", reason=str(error))
        now = time.monotonic()
        with self._lock:
            known = self._jobs.get(job)
            if known is None:
                _log.warning("job_blocked", job=job, code=error.code, message=str(error))
                self._jobs[job] = _Blocked(error, now + FIRST_DELAY, FIRST_DELAY)
            elif now >= known.retry_at:
                delay = min(MAX_DELAY, 2 * known.delay)
                self._jobs[job] = _Blocked(error, now + delay, delay)
            else:
                # Chunks of the same attempt come back one after another.
                known.error = error

    def done(self, job: str) -> None:
        """Photos of the job have an outcome: nothing blocks it any more."""
        with self._lock:
            if self._jobs.pop(job, None):
                _log.info("job_goes_on", job=job)

    def waiting(self) -> list[str]:
        """Ids of the jobs whose next attempt is not due yet."""
        now = time.monotonic()
        with self._lock:
            return [job for job, blocked in self._jobs.items() if now < blocked.retry_at]

    def report(self) -> list[BlockedJob]:
        """For the heartbeat."""
        now = time.monotonic()
        with self._lock:
            self._jobs = {k: v for k, v in self._jobs.items() if now < v.retry_at + FORGET_SECONDS}
            return [
                BlockedJob(
                    job=job,
                    code=blocked.error.code,
                    detail=blocked.error.detail,
                    retry_in=round(max(0.0, blocked.retry_at - now), 1),
                )
                for job, blocked in self._jobs.items()
            ]
