"""The photos of a job in the ledger, as they were submitted or listed."""

from __future__ import annotations

from shared.jobs.ledger import keys, wire
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.model import Item

#: Chunks that are read in one round trip.
_AT_ONCE = 200


def submitted(connection: Connection, job_id: str) -> list[Item]:
    """All photos so far, by index."""
    found: dict[int, Item] = {}
    redis = connection.redis
    with redis_errors():
        chunks = int(redis.hget(keys.job(job_id, "meta"), "next_chunk") or 0)
        for start in range(0, chunks, _AT_ONCE):
            names = [keys.job(job_id, f"in:{n}") for n in range(start, min(start + _AT_ONCE, chunks))]
            for blob in redis.mget(names):
                # A retried photo is in a later chunk, too.
                found.update({item.index: item for item in wire.unpack_items(blob)} if blob else {})
    return [found[index] for index in sorted(found)]
