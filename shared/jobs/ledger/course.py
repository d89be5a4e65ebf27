"""The course of a running job, from which its end is estimated, and the last estimate: written by the dispatcher."""

from __future__ import annotations

import json
from collections.abc import Sequence

from shared.jobs.estimate import Estimate, Moment
from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors


def course(connection: Connection, job_id: str) -> list[Moment]:
    """The job's moments so far, thinned; none before it is first looked at. Raises Unavailable."""
    with redis_errors():
        rows = connection.redis.lrange(keys.job(job_id, "course"), 0, -1)
    return [Moment(*json.loads(row)) for row in rows]


def leave(
    connection: Connection,
    job_id: str,
    moments: Sequence[Moment],
    thinned: bool,
    found: Estimate | None,
    seconds: float,
) -> None:
    """Keeps the course, and the estimate for `seconds`; without one, none is shown any more. Raises Unavailable.

    `thinned`: older moments have changed, and not only the last one is new.
    """
    with redis_errors():
        pipe = connection.redis.pipeline(transaction=False)
        if thinned:
            pipe.unlink(keys.job(job_id, "course"))
        for moment in moments if thinned else moments[-1:]:
            pipe.rpush(keys.job(job_id, "course"), json.dumps([round(value, 3) for value in moment]))
        if found is None:
            pipe.delete(keys.job(job_id, "estimate"))
        else:
            pipe.set(keys.job(job_id, "estimate"), json.dumps(found), px=int(seconds * 1000))
        pipe.execute()


def said(connection: Connection, job_id: str) -> dict[int, tuple[float, Estimate]]:
    """What was said at 10, 50 and 90 % of the photos: percent → (when, estimate). Raises Unavailable."""
    with redis_errors():
        rows = connection.redis.hgetall(keys.job(job_id, "said"))
    found = {int(percent): json.loads(row) for percent, row in rows.items()}
    return {percent: (at, Estimate(*row)) for percent, (at, row) in sorted(found.items())}


def say(connection: Connection, job_id: str, percent: int, at: float, found: Estimate) -> None:
    """Keeps the first estimate from `percent` of the photos on. Raises Unavailable."""
    with redis_errors():
        connection.redis.hsetnx(keys.job(job_id, "said"), str(percent), json.dumps([at, found]))


def forget(connection: Connection, job_id: str) -> None:
    """The job has ended, or begins again. Raises Unavailable."""
    with redis_errors():
        connection.redis.unlink(*(keys.job(job_id, part) for part in ("course", "estimate", "said")))
