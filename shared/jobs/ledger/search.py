"""Jobs that a filter chooses: the list of all jobs is read in large steps, and of each job only what is looked at."""

from __future__ import annotations

from typing import Any

from shared.jobs.job_search import JobFilter
from shared.jobs.ledger import keys

#: Jobs that are looked at in one round trip.
_AT_ONCE = 500


def chosen(redis: Any, wanted: JobFilter, top: str, limit: int) -> list[str]:
    """Ids of the jobs created before `top` (as ZREVRANGEBYSCORE takes it) that are wanted, newest first."""
    found: list[str] = []
    start = 0
    while len(found) < limit:
        rows = redis.zrevrangebyscore(keys.JOBS, top, "-inf", start=start, num=_AT_ONCE)
        pipe = redis.pipeline(transaction=False)
        for row in rows:
            pipe.hmget(keys.job(row.decode(), "meta"), "name", "path", "owner", "bank_id")
        metas = pipe.execute(raise_on_error=False) if rows else []
        # A damaged record is an error in place of its values.
        found += [r.decode() for r, m in zip(rows, metas, strict=True) if isinstance(m, list) and _matches(wanted, m)]
        start += _AT_ONCE
        if len(rows) < _AT_ONCE:
            break
    return found[:limit]


def _matches(wanted: JobFilter, values: list[bytes | None]) -> bool:
    return wanted.matches(*(None if value is None else value.decode("utf-8", "surrogateescape") for value in values))
