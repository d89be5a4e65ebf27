"""Ended jobs in the ledger: which are due to go, what their projections lack, and their removal."""

from __future__ import annotations

import time

from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection, translated


def remove(connection: Connection, job_id: str, log_entries: int | None = None, released: bool = False) -> bool:
    """Takes a job out of the ledger in one step; False where it stays.

    With `log_entries`, only an ended job whose log has exactly so many: what was checked is what is removed.
    `released`: its Idempotency-Key goes on naming the job, whose projection stays.
    """
    entries = "" if log_entries is None else log_entries
    return bool(connection.run("remove", job_id, entries, int(released)))


def unprojected(connection: Connection) -> list[str]:
    """Jobs of which something may not be in their projection yet."""
    with translated():
        return sorted(i.decode() for i in connection.redis.smembers(keys.UNPROJECTED))


def settle(connection: Connection, job_id: str, log_entries: int, state: str) -> bool:
    """The job's projection has all of that; False where more has come meanwhile."""
    return bool(connection.run("settle", job_id, log_entries, state))


def due(connection: Connection, keep_seconds: float, brief_seconds: float) -> tuple[list[str], list[str]]:
    """Jobs, and single classified photos, that ended so long ago; the oldest end first."""
    with translated():
        now = time.time()
        ids = [i.decode() for i in connection.redis.zrangebyscore(keys.ENDED, "-inf", now - keep_seconds)]
        brief_ids = [i.decode() for i in connection.redis.zrangebyscore(keys.ENDED, "-inf", now - brief_seconds)]
        brief = {i.decode() for i in connection.redis.zrange(keys.BRIEF, 0, -1)}
    return [i for i in ids if i not in brief], [i for i in brief_ids if i in brief]


def done_bits(connection: Connection, job_id: str) -> bytes:
    """The bitmap of items that have their outcome."""
    with translated():
        return connection.redis.get(keys.job(job_id, "done")) or b""
