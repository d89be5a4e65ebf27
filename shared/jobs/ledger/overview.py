"""What the dispatcher sees of the jobs that have not ended, left in the ledger: whoever watches reads one key, however
many jobs there are."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypedDict

from pydantic import Field

from shared.core.documents import Document, parse_json
from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.model import Job, Lane

#: Seconds that an overview counts; without a dispatcher there is none.
LASTS = 5.0


class LaneQueue(TypedDict):
    #: Chunks that wait for a worker.
    ready: int
    #: Seconds that the oldest has waited; None without one.
    oldest: float | None
    #: Photos without an outcome, of all jobs of the lane that move.
    photos: int


class Overview(Document):
    """Counts of the jobs that have not ended."""

    #: State → jobs.
    states: dict[str, int] = Field(default_factory=dict)
    #: What started jobs wait for, a value of `model.WAITING_FOR` → jobs.
    waiting: dict[str, int] = Field(default_factory=dict)
    #: Lane → photos without an outcome, of jobs that move.
    photos: dict[str, int] = Field(default_factory=dict)
    #: Encoders that such jobs are for.
    identities: list[str] = Field(default_factory=list)

    @classmethod
    def of(cls, jobs: Sequence[Job]) -> Overview:
        """Of all active jobs."""
        photos: Counter[str] = Counter()
        for job in jobs:
            if job.rule.claimable:
                photos[job.lane.value] += job.total - job.done
        return cls(
            states=dict(Counter(job.state.value for job in jobs)),
            waiting=dict(Counter(job.waiting_for for job in jobs if job.waiting_for)),
            photos=dict(photos),
            identities=sorted({job.identity for job in jobs}),
        )


def leave(connection: Connection, jobs: Sequence[Job]) -> None:
    """Writes the overview of all active jobs; it lasts for `LASTS`. Raises Unavailable."""
    with redis_errors():
        connection.redis.set(keys.OVERVIEW, json.dumps(Overview.of(jobs).to_json()), px=int(LASTS * 1000))


def last(connection: Connection) -> Overview | None:
    """The dispatcher's last overview; None where it is older than `LASTS`. Raises Unavailable."""
    with redis_errors():
        raw = connection.redis.get(keys.OVERVIEW)
    return None if raw is None else Overview.from_json(parse_json(raw.decode()))


def current(connection: Connection, active: Callable[[], Sequence[Job]]) -> Overview:
    """The dispatcher's last overview, or one of the `active` jobs where no dispatcher leads. Raises Unavailable."""
    return last(connection) or Overview.of(active())


def lanes(connection: Connection, seen: Overview) -> dict[str, LaneQueue]:
    """Per lane: ready chunks, the age in seconds of the oldest, and photos that are not classified yet.

    Raises Unavailable.
    """
    answer: dict[str, LaneQueue] = {
        lane.value: {"ready": 0, "oldest": None, "photos": seen.photos.get(lane.value, 0)} for lane in Lane
    }
    ready = [(lane.value, keys.ready(identity, lane.value)) for lane in Lane for identity in seen.identities]
    with redis_errors():
        pipe = connection.redis.pipeline(transaction=False)
        for _, name in ready:
            pipe.llen(name)
            pipe.lindex(name, 0)
        found = pipe.execute() if ready else []
    for (lane, _), length, head in zip(ready, found[::2], found[1::2], strict=True):
        queue = answer[lane]
        queue["ready"] += length
        if head:
            age = max(0.0, time.time() - int(head.split()[2]) / 1000)
            queue["oldest"] = max(age, queue["oldest"] or 0.0)
    return answer
