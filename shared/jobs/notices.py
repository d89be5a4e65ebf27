"""What is told of a job while it is under way: that too many of its photos fail, that no worker comes, or that it will
not be done by its deadline."""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from shared.core.settings import Settings
from shared.jobs.ledger import keys
from shared.jobs.model import Job

#: Outcomes from which on a share of failures says something.
FEWEST = 20
#: What a job waits for, where a worker would help.
_WORKER = ("worker", "model")


class Event(StrEnum):
    FAILING = "failing"
    NO_WORKER = "no_worker"
    LATE = "late"


def holds(event: Event, job: Job, settings: Settings) -> bool:
    """Whether it is so at this moment."""
    if job.ended or job.kind == "classify":
        return False
    if event is Event.NO_WORKER:
        return settings.notice_no_worker_minutes > 0 and job.waiting_for in _WORKER
    if event is Event.LATE:
        return job.late
    return job.done >= FEWEST and job.failed > settings.notice_failed_share * job.done


class Notices:
    """Which events are new. Each is told once a job; that no worker came again, after one had come.

    `redis`: the ledger's client.
    """

    def __init__(self, settings: Settings, redis: Any) -> None:
        self._settings, self._redis = settings, redis
        #: Job that waits → since when, by the monotonic clock.
        self._waits: dict[str, float] = {}

    def look(self, jobs: Iterable[Job]) -> list[tuple[str, Event]]:
        """(job, event) of what is to be told now, of all jobs that have not ended."""
        unended = {job.id: job for job in jobs}
        self._waits = {job: since for job, since in self._waits.items() if job in unended}
        found = []
        for job in unended.values():
            for event in Event:
                if self._due(event, job):
                    if self._redis.hsetnx(keys.NOTICES, f"{job.id}:{event}", repr(time.time())):
                        found.append((job.id, event))
                elif event is Event.NO_WORKER and job.waiting_for is None:
                    self._redis.hdel(keys.NOTICES, f"{job.id}:{event}")
        for name in self._redis.hkeys(keys.NOTICES):
            if name.decode().partition(":")[0] not in unended:
                self._redis.hdel(keys.NOTICES, name)
        return found

    def _due(self, event: Event, job: Job) -> bool:
        if not holds(event, job, self._settings):
            if event is Event.NO_WORKER:
                self._waits.pop(job.id, None)
            return False
        if event is not Event.NO_WORKER:
            return True
        since = self._waits.setdefault(job.id, time.monotonic())
        return time.monotonic() - since >= 60 * self._settings.notice_no_worker_minutes
