"""The worker's side of the ledger: claim, renew, commit, release."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from shared.jobs.ledger import keys, wire
from shared.jobs.ledger.connection import Connection
from shared.jobs.model import Item, ItemResult, Lane


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased chunk: the items of it that have no outcome yet."""

    job: str
    chunk: int
    #: Fencing token: only failures reported by the current holder count.
    token: int
    attempt: int
    items: tuple[Item, ...]
    bank: str
    preset: str
    lane: Lane
    #: A photo suspected of killing a worker: nothing else may be in progress beside it, to make a death conclusive.
    alone: bool = False
    #: The job's folder; None where its photos are uploads.
    path: str | None = None
    #: Of the job's submission: the request's id, the span (W3C traceparent), the key's name; each may be empty.
    request: str = ""
    trace: str = ""
    owner: str = ""


class Claims:
    def __init__(
        self,
        connection: Connection,
        worker: str,
        identity: str,
        lease_seconds: float,
        engine: str = "",
        precision: str = "",
    ) -> None:
        self._c = connection
        self._worker = worker
        self._identity = identity
        self._lease = lease_seconds
        #: `EncoderInfo.engine` and `precision`; the job keeps the engine of its first claim, and every precision.
        self._engine, self._precision = engine, precision

    def claim(self, lane: Lane, skip: Sequence[str] = ()) -> Claim | None:
        """Leases the oldest ready chunk of `lane` for this worker's encoder, except of jobs in `skip`; or None."""
        ready = keys.ready(self._identity, lane.value)
        got = self._c.scripts.claim(ready, self._worker, self._lease, self._engine, self._precision, skip)
        if got is None:
            return None
        items = wire.unpack_items(got.blob)
        items = wire.undone(items, items[0].index, got.done)
        return Claim(
            job=got.job,
            chunk=got.chunk,
            token=got.token,
            attempt=got.attempt,
            items=tuple(items),
            bank=got.bank,
            preset=got.preset,
            lane=lane,
            alone=got.alone,
            path=os.fsdecode(got.path) or None,
            request=got.request,
            trace=got.trace,
            owner=got.owner,
        )

    def renew(self, held: Sequence[tuple[Claim, Sequence[int]]]) -> list[bool]:
        """Extends the leases and records the item indexes in progress; False where a claim has been lost."""
        if not held:
            return []
        rows = [(claim.job, claim.chunk, claim.token, indexes) for claim, indexes in held]
        return self._c.scripts.renew(self._lease, rows)

    def commit(self, claim: Claim, results: Sequence[ItemResult], vectors: bytes, final: bool) -> bool:
        """Commits outcomes; `vectors` holds the float16 rows of the ok ones in order.

        False: the claim had been lost (accepted results count; the rest belongs to another worker).
        """
        return commit(self._c, claim.job, claim.chunk, claim.token, results, vectors, final)

    def release(self, claim: Claim) -> None:
        """Returns the chunk without charging an attempt."""
        self._c.scripts.release(claim.job, claim.chunk, claim.token, keys.ready(self._identity, claim.lane.value))

    def expire_own(self) -> int:
        """Expires the leases of a dead child of this worker. Returns the number of chunks."""
        return self._c.scripts.expire(self._worker)


def commit(
    connection: Connection,
    job: str,
    chunk: int,
    token: int,
    results: Sequence[ItemResult],
    vectors: bytes = b"",
    final: bool = True,
) -> bool:
    """See `Claims.commit`; the dispatcher records poison items with it."""
    return connection.scripts.commit(
        job,
        chunk,
        token,
        final=final,
        results=wire.pack_results(results),
        vectors=vectors,
        outcomes=[(r.index, r.generation, r.error_code or "", r.cached) for r in results],
    ).held
