"""The worker's side: claim, renew, commit, release."""

from __future__ import annotations

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
    #: Fences off earlier holders: only the present one's failures count.
    token: int
    attempt: int
    items: tuple[Item, ...]
    bank: str
    preset: str
    lane: Lane
    #: One photo that was in a dead worker's hands: nothing else may be in hand beside it, so that a death tells.
    alone: bool = False
    #: The job's folder; None where its photos are uploads.
    path: str | None = None


class Claims:
    def __init__(
        self, connection: Connection, worker: str, identity: str, lease_seconds: float, engine: str = ""
    ) -> None:
        self._c = connection
        self._worker = worker
        self._identity = identity
        self._lease = lease_seconds
        #: `EncoderInfo.engine`; the job keeps that of its first claim.
        self._engine = engine

    def claim(self, lane: Lane, skip: Sequence[str] = ()) -> Claim | None:
        """The oldest ready chunk of `lane` for this worker's encoder, of none of the jobs in `skip`; or None."""
        key = keys.ready(self._identity, lane.value)
        got = self._c.run("claim", self._worker, self._lease, self._engine, *skip, keys=[key])
        if not got:
            return None
        job, chunk, token, attempt, blob, bits, bank, preset, alone, path = got
        items = wire.unpack_items(blob)
        items = wire.undone(items, items[0].index, bits)
        return Claim(
            job=job.decode(),
            chunk=int(chunk),
            token=int(token),
            attempt=int(attempt),
            items=tuple(items),
            bank=bank.decode(),
            preset=preset.decode(),
            lane=lane,
            alone=bool(alone),
            path=path.decode("utf-8", "surrogateescape") or None,
        )

    def renew(self, held: Sequence[tuple[Claim, Sequence[int]]]) -> list[bool]:
        """Extends the leases and notes the item indexes in hand; False where a claim is no longer ours."""
        if not held:
            return []
        args: list[str | int] = []
        for claim, indexes in held:
            args += [claim.job, claim.chunk, claim.token, " ".join(map(str, indexes))]
        return [bool(k) for k in self._c.run("renew", self._lease, *args)]

    def commit(self, claim: Claim, results: Sequence[ItemResult], vectors: bytes, final: bool) -> bool:
        """Hands in outcomes; `vectors` are the float16 rows of the ok ones in order.

        False: the claim was no longer ours (what counted, counted; the rest belongs to another worker).
        """
        return commit(self._c, claim.job, claim.chunk, claim.token, results, vectors, final)

    def release(self, claim: Claim) -> None:
        """Hands the chunk back, no attempt charged."""
        self._c.run("release", claim.job, claim.chunk, claim.token, keys.ready(self._identity, claim.lane.value))

    def expire_own(self) -> int:
        """Frees what a dead child of this worker held. Returns the number of chunks."""
        return int(self._c.run("expire", self._worker))


def commit(
    connection: Connection,
    job: str,
    chunk: int,
    token: int,
    results: Sequence[ItemResult],
    vectors: bytes = b"",
    final: bool = True,
) -> bool:
    """See `Claims.commit`; also the dispatcher's way to write down a poison item."""
    rows: list[int] = []
    for r in results:
        rows += [r.index, r.generation, int(r.ok), int(r.cached)]
    blob = wire.pack_results(results)
    answer = connection.run("commit", job, chunk, token, int(final), blob, vectors, len(results), *rows)
    return bool(answer[2])
