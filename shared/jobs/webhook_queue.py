"""What is still to be told, in Redis: it outlives whoever tells it, and a target that is away."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from shared.jobs.ledger import keys

#: Seconds until the first repetition; each further one waits twice as long, at most an hour.
_FIRST_DELAY, _LONGEST_DELAY = 15.0, 3600.0
#: Seconds after which a message is given up.
GIVE_UP = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Pending:
    """A job whose end, or an event of which, some targets do not know yet."""

    #: Its id; of an event, `id:event`.
    job: str
    #: When it ended, or when the event was seen; seconds since the epoch.
    ended: float
    #: Digests of the targets that are left.
    targets: list[str]
    tries: int = 0
    #: Not before this time.
    due: float = 0.0

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.partition(":")[0]

    @property
    def event(self) -> str:
        """A value of `notices.Event`; empty for the end."""
        return self.job.partition(":")[2]


class WebhookQueue:
    """`redis`: the ledger's client."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    def collect(self, digests: list[str]) -> None:
        """Takes up the jobs that ended since the last time; the first time, those that end from now on."""
        since = self._redis.get(keys.WEBHOOKS_SINCE)
        if since is None:
            self._redis.set(keys.WEBHOOKS_SINCE, repr(time.time()))
            return
        ended = self._redis.zrangebyscore(keys.ENDED, f"({float(since)!r}", "+inf", withscores=True)
        brief = {job for job, _ in ended if self._redis.zscore(keys.BRIEF, job) is not None}
        if not ended:
            return
        pipe = self._redis.pipeline(transaction=True)
        for job, at in ended:
            if job not in brief:
                self._put(pipe, Pending(job.decode(), at, digests))
        pipe.set(keys.WEBHOOKS_SINCE, repr(max(at for _, at in ended)))
        pipe.execute()

    def add(self, job: str, event: str, digests: list[str]) -> None:
        """Takes up an event of a job that has not ended."""
        self._put(self._redis, Pending(f"{job}:{event}", time.time(), digests))

    def due(self, limit: int = 20) -> list[Pending]:
        """What is to be told now, the longest due first."""
        now = time.time()
        rows = [Pending(**json.loads(row)) for row in self._redis.hvals(keys.WEBHOOKS)]
        return sorted((row for row in rows if row.due <= now), key=lambda row: row.due)[:limit]

    def settle(self, row: Pending, left: list[str]) -> bool:
        """After an attempt: forgets what every target knows now, or repeats it later. False where it is given up."""
        gone = time.time() - row.ended > GIVE_UP
        if not left or gone:
            self._redis.hdel(keys.WEBHOOKS, row.job)
            return not left
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2**row.tries)
        self._put(self._redis, Pending(row.job, row.ended, left, row.tries + 1, time.time() + delay))
        return True

    def _put(self, redis: Any, row: Pending) -> None:
        redis.hset(keys.WEBHOOKS, row.job, json.dumps(asdict(row)))
