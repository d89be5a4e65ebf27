"""How a running job stands: how long it has been silent, how fast it is now beside before, and who holds its chunks."""

from __future__ import annotations

from typing import NamedTuple

from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.pace import WINDOW_SECONDS, measure, parse
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.ledger.server import clock
from shared.jobs.model import Job

#: Seconds from which on a job's speed says something.
_SHORTEST = 10.0


class Standing(NamedTuple):
    #: Seconds since the last outcome, or since the job was first claimed; 0 before.
    silent: float
    #: Photos per second over the last half minute; None where there is too little to measure.
    recent: float | None
    #: Over the job's life before that; None likewise.
    usual: float | None
    #: Workers that hold chunks of it.
    workers: list[str]


def standing(connection: Connection, job: Job) -> Standing:
    """By the clock of Redis, which also wrote the samples. Raises Unavailable."""
    now = clock(connection.redis)
    with redis_errors():
        entries = connection.redis.lrange(keys.job(job.id, "pace"), 0, -1)
        owners = connection.redis.hvals(keys.job(job.id, "owner"))
    samples = [parse(entry) for entry in entries]
    last = samples[-1].at if samples else job.started
    recent = measure(samples, now, job.total - job.done).rate if len(samples) > 1 else None
    before = [sample for sample in samples if sample.at < now - WINDOW_SECONDS]
    usual = None
    if before and job.started is not None and before[-1].at - job.started >= _SHORTEST:
        usual = before[-1].done / (before[-1].at - job.started)
    silent = max(0.0, now - last) if last is not None else 0.0
    return Standing(silent, recent, usual, sorted({owner.decode() for owner in owners}))
