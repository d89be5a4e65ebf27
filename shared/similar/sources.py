"""The jobs whose photos the bank server holds."""

from __future__ import annotations

from shared.jobs.ledger import Ledger
from shared.similar.client import Source

#: More jobs than an installation has.
ALL_JOBS = 1_000_000
#: The kind of the jobs of single photos that somebody looks up.
LOOKED_UP = "classify"


def sources(ledger: Ledger) -> list[Source]:
    """All jobs that have results; not what was only looked up. Raises Unavailable."""
    jobs = ledger.listed(ALL_JOBS)
    return [Source(job.id, job.identity, job.created, job.ended) for job in jobs if job.ok and job.kind != LOOKED_UP]
