"""Ended jobs in the ledger: which are due for release, which are not projected, and their removal."""

from __future__ import annotations

import time

from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors


def remove(connection: Connection, job_id: str, log_entries: int | None = None, released: bool = False) -> bool:
    """Removes a job from the ledger atomically; False if it stays.

    `log_entries`: remove only an ended job whose log has exactly this length, i.e. the state that was checked.
    `released`: the job's Idempotency-Key stays valid, as its projection remains.
    """
    return connection.scripts.remove(job_id, log_entries, released=released)


def unprojected(connection: Connection) -> list[str]:
    """Jobs whose projection may not be up to date."""
    with redis_errors():
        return sorted(i.decode() for i in connection.redis.smembers(keys.UNPROJECTED))


def settle(connection: Connection, job_id: str, log_entries: int, state: str) -> bool:
    """Marks the job as projected up to `log_entries` and `state`; False if either has changed."""
    return connection.scripts.settle(job_id, log_entries, state)


def trim(connection: Connection, job_id: str, log_entries: int) -> bool:
    """Lets go the commits and photos of a finished job whose log has this length, and of which its projection holds
    everything; what a retry needs stays. False: it has changed."""
    return connection.scripts.trim(job_id, log_entries)


def untrimmed(connection: Connection, ended_before: float) -> list[str]:
    """Finished jobs, single photos left out, that ended before this time and still have commits in the ledger."""
    with redis_errors():
        redis = connection.redis
        ids = [i.decode() for i in redis.zrangebyscore(keys.ENDED, "-inf", ended_before)]
        pipe = redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hmget(keys.job(job_id, "meta"), "state", "kind", "trimmed")
            pipe.llen(keys.job(job_id, "log"))
        rows = pipe.execute()
    described = zip(ids, rows[::2], rows[1::2], strict=True)
    return [
        job_id
        for job_id, (state, kind, trimmed), entries in described
        if state == b"finished" and kind != b"classify" and int(trimmed or 0) < entries
    ]


def due(connection: Connection, keep_seconds: float, brief_seconds: float) -> tuple[list[str], list[str]]:
    """(jobs, single classified photos) whose retention has expired; the oldest first."""
    with redis_errors():
        now = time.time()
        ids = [i.decode() for i in connection.redis.zrangebyscore(keys.ENDED, "-inf", now - keep_seconds)]
        brief_ids = [i.decode() for i in connection.redis.zrangebyscore(keys.ENDED, "-inf", now - brief_seconds)]
        brief = {i.decode() for i in connection.redis.zrange(keys.BRIEF, 0, -1)}
    return [i for i in ids if i not in brief], [i for i in brief_ids if i in brief]


def done_bits(connection: Connection, job_id: str) -> bytes:
    """The bitmap of items with an outcome."""
    with redis_errors():
        return connection.redis.get(keys.job(job_id, "done")) or b""
