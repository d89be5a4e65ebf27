"""Where queued jobs stand in the line for the next worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.model import Job, JobState, Lane, Priority

#: Chunks and jobs of each list that are looked at; who stands behind them is told no place.
_LOOKED = 2000


def placed(connection: Connection, jobs: list[Job]) -> list[Job]:
    """The jobs, the queued ones with their place: 1 is the next.

    Before a job stand those whose chunks a worker is given first: the interactive lane's, the admitted ones, those of
    higher priority, and those of its own that have their turn before. Raises Unavailable.
    """
    lines = {
        (job.identity, job.lane): _line(connection, job.identity, job.lane)
        for job in jobs
        if job.state is JobState.QUEUED
    }
    found = []
    for job in jobs:
        line = lines.get((job.identity, job.lane), []) if job.state is JobState.QUEUED else []
        found.append(replace(job, place=line.index(job.id) + 1) if job.id in line else job)
    return found


def _line(connection: Connection, identity: str, lane: Lane) -> list[str]:
    """Ids of the jobs with chunks that nobody has begun, each once, the next first."""
    last = _LOOKED - 1
    pipe = connection.redis.pipeline(transaction=False)
    pipe.lrange(keys.ready(identity, Lane.INTERACTIVE.value), 0, last)
    if lane is not Lane.INTERACTIVE:
        pipe.lrange(keys.ready(identity, lane.value), 0, last)
    # The high ones have most turns, the low ones what is left: see `priorities` in lua/common.lua.
    for priority in Priority:
        pipe.lrange(keys.rota(identity, lane.value, priority.value), -_LOOKED, -1)
    with redis_errors():
        *ready, high, normal, low = pipe.execute()
    admitted: Iterable[bytes] = (entry.split(b" ", 1)[0] for entries in ready for entry in entries)
    # A rota is served from its end.
    turns = (job for rota in (high, normal, low) for job in reversed(rota))
    return [job.decode() for job in dict.fromkeys([*admitted, *turns])]
