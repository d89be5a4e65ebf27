"""How a job gets in: everything is written first, then one script makes it visible. Until then nothing was promised."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import TypeVar

from shared.core.errors import Conflict
from shared.core.settings import CHUNK_ITEMS
from shared.jobs.ledger import keys, wire
from shared.jobs.ledger.connection import Connection, translated
from shared.jobs.model import Item, JobSpec, JobState, Lane

T = TypeVar("T")

#: A chunk is this part of what is left of the job, and no smaller than so many photos.
SHARES = 24
_SMALLEST = 8
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
#: A submission that is being received holds its key this long, renewed by every chunk: when its process dies, the same
#: request is taken again after that.
_RECEIVING_LOCK_SECONDS = 15
_IDEMPOTENCY_SECONDS = 7 * 86400


def new_id() -> str:
    """13 characters, sorted by time: milliseconds since the epoch (9) and 20 random bits (4), Crockford's base 32."""
    value = int(time.time() * 1000) << 20 | secrets.randbits(20)
    return "".join(_ALPHABET[value >> 5 * i & 31] for i in reversed(range(13)))


def created_at(job_id: str) -> float:
    """When the id was made, in seconds since the epoch. Raises ValueError."""
    value = 0
    for character in job_id:
        value = value << 5 | _ALPHABET.index(character)
    return (value >> 20) / 1000


def chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def chunk_size(left: int) -> int:
    """Photos of the next chunk when so many are left: fewer towards the end, so that all workers end together
    (guided self-scheduling, Polychronopoulos and Kuck, 1987)."""
    return min(CHUNK_ITEMS, max(_SMALLEST, left // SHARES))


def guided(items: Iterable[T], total: int) -> Iterator[list[T]]:
    """Cuts `total` items into chunks of `chunk_size`."""
    source, left = iter(items), total
    while chunk := list(islice(source, chunk_size(left))):
        yield chunk
        left -= len(chunk)


class Submission:
    """Writes jobs into the ledger, once per Idempotency-Key."""

    def __init__(self, connection: Connection, archived: Callable[[str], object] = lambda _: None) -> None:
        self._c = connection
        #: Says whether a job that the ledger has let go still has its results.
        self._archived = archived

    def known(self, key: str, fingerprint: str | None = None) -> str | None:
        """The job that this Idempotency-Key made, or None while there is none.

        Raises:
            Conflict: the key came with another request (`idempotency_mismatch`).
        """
        with translated():
            raw = self._c.redis.get(keys.idempotency(_digest(key)))
            if raw is None:
                return None
            found = json.loads(raw)
            if fingerprint and found["fingerprint"] and found["fingerprint"] != fingerprint:
                raise Conflict("idempotency_mismatch", status=422)
            state = self._c.redis.hget(keys.job(found["id"], "meta"), "state")
        if found.get("released"):
            # Its projection answers for it, unless it was deleted since.
            if self._archived(found["id"]):
                return str(found["id"])
            with translated():
                self._c.redis.delete(keys.idempotency(_digest(key)))
            return None
        return found["id"] if state not in (None, b"receiving") else None

    def submit(
        self,
        spec: JobSpec,
        items: Iterable[Item] | None,
        total: int | None = None,
        key: str | None = None,
        fingerprint: str | None = None,
    ) -> str:
        """Writes the job; `items` None means that the dispatcher lists `spec.path`. Returns the job's id.

        Raises:
            Conflict: `idempotency_mismatch`, or `idempotency_in_progress` while another request has this key.
            Unavailable: Redis cannot be reached or is full; nothing was promised.
        """
        job_id = new_id()
        if key:
            if existing := self.known(key, fingerprint):
                return existing
            job_id = self._reserve(key, fingerprint, job_id)
        receipt = secrets.token_hex(8)
        fields = [value for pair in asdict(spec).items() if pair[1] is not None for value in pair]
        if key:
            fields += ["idempotency", _digest(key)]
        # The path keeps its true bytes.
        fields = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in fields]
        begun = int(self._c.run("receive", job_id, receipt, _RECEIVING_LOCK_SECONDS, *fields))
        if begun < 0:
            return job_id
        if not begun:
            raise Conflict("idempotency_in_progress")
        with translated():
            count, chunks = self._receive(job_id, items or (), total)
        listed = items is not None
        scheduled = spec.not_before is not None and spec.not_before > time.time()
        state = JobState.SCHEDULED if scheduled else JobState.QUEUED if listed else JobState.LISTING
        direct = listed and not scheduled and spec.lane is Lane.INTERACTIVE
        ready = keys.ready(spec.identity, spec.lane.value) if direct else ""
        if not self._c.run("submit", job_id, state.value, ready, receipt, count, int(listed), chunks):
            # It took too long, and the same request was sent again and taken in its stead.
            raise Conflict("idempotency_in_progress")
        return job_id

    def _reserve(self, key: str, fingerprint: str | None, job_id: str) -> str:
        """The id of the key's job: this one, or that of an earlier request that died half-way or is under way."""
        name = keys.idempotency(_digest(key))
        value = json.dumps({"id": job_id, "fingerprint": fingerprint})
        with translated():
            if self._c.redis.set(name, value, nx=True, ex=_IDEMPOTENCY_SECONDS):
                return job_id
            raw = self._c.redis.get(name)
        return str(json.loads(raw)["id"]) if raw else job_id

    def _receive(self, job_id: str, items: Iterable[Item], total: int | None) -> tuple[int, int]:
        """Writes the items; a repeated write does no harm. Returns how many items and chunks there were."""
        chunks = count = 0
        for chunks, chunk in enumerate(guided(items, total or 0), start=1):
            count += len(chunk)
            pipe = self._c.redis.pipeline(transaction=False)
            pipe.set(keys.job(job_id, f"in:{chunks - 1}"), wire.pack_items(chunk))
            pipe.rpush(keys.job(job_id, "todo"), chunks - 1)
            pipe.expire(keys.job(job_id, "receiving"), _RECEIVING_LOCK_SECONDS)
            pipe.execute()
        return count, chunks


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
