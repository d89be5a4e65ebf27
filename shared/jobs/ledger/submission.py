"""Job submission: everything is written first, then one script makes the job visible. Only then is it accepted."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TypeVar

import structlog

from shared.core import tracing
from shared.core.errors import Conflict
from shared.core.settings import CHUNK_ITEMS
from shared.core.window import known, opens
from shared.jobs.ledger import keys, wire
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.model import Item, JobSpec, JobState, Lane, Sent

T = TypeVar("T")

#: A chunk is 1/SHARES of the remaining photos, but at least `_SMALLEST`.
SHARES = 24
_SMALLEST = 8
#: Begins the fingerprints of submissions whose archives are unpacked later.
SENT_FINGERPRINT = "sent:"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
#: TTL of a submission's lock, renewed by every chunk: after a crash the same request is accepted again.
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


def chunk_size(left: int) -> int:
    """Size of the next chunk with `left` photos remaining: smaller towards the end, so that all workers finish together
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
        #: Returns the archived job of an id, if any.
        self._archived = archived

    def known(self, key: str, fingerprint: str | None = None) -> str | None:
        """The job that was created with this Idempotency-Key, or None.

        Raises:
            Conflict: the key was used with a different request (`idempotency_mismatch`).
        """
        with redis_errors():
            raw = self._c.redis.get(keys.idempotency(_digest(key)))
            if raw is None:
                return None
            found = json.loads(raw)
            if fingerprint and found["fingerprint"] and not _same(found["fingerprint"], fingerprint):
                raise Conflict("idempotency_mismatch", status=422)
            state = self._c.redis.hget(keys.job(found["id"], "meta"), "state")
        if found.get("released"):
            # Archived, unless it was deleted since.
            if self._archived(found["id"]):
                return str(found["id"])
            with redis_errors():
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
        sent: Sequence[Sent] = (),
    ) -> str:
        """Writes the job; `items` None means that the dispatcher lists `spec.path`, or unpacks what was `sent`.
        Returns the job's id.

        Raises:
            Conflict: `idempotency_mismatch`, or `idempotency_in_progress` while another request has this key.
            Unavailable: Redis is unreachable or full; the job was not accepted.
        """
        job_id = new_id()
        if key:
            if existing := self.known(key, fingerprint):
                return existing
            job_id = self._reserve(key, fingerprint, job_id)
        with tracing.span("job", job=job_id, kind=spec.kind) as span:
            return self._write(job_id, spec, items, total, key, sent, span.traceparent)

    def _write(
        self,
        job_id: str,
        spec: JobSpec,
        items: Iterable[Item] | None,
        total: int | None,
        key: str | None,
        sent: Sequence[Sent],
        trace: str,
    ) -> str:
        receipt = secrets.token_hex(8)
        wanted = {name: value for name, value in asdict(spec).items() if value is not None}
        if spec.left_out is not None:
            wanted["left_out"] = json.dumps(spec.left_out)
        # Whoever reads the log of a worker finds the request with it.
        if request := structlog.contextvars.get_contextvars().get("request"):
            wanted["request"] = request
        if trace:
            wanted["trace"] = trace
        fields = [value for pair in wanted.items() for value in pair]
        if key:
            fields += ["idempotency", _digest(key)]
        # The path keeps its raw bytes.
        fields = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in fields]
        begun = self._c.scripts.receive(job_id, receipt, _RECEIVING_LOCK_SECONDS, fields)
        if begun < 0:
            return job_id
        if not begun:
            raise Conflict("idempotency_in_progress")
        with redis_errors():
            count, chunks = self._receive(job_id, items or (), total)
            if sent:
                self._c.redis.set(keys.job(job_id, "sent"), wire.pack_sent(sent))
        listed = items is not None
        scheduled = spec.not_before is not None and spec.not_before > time.time()
        hours = known(spec.window) if spec.window else None
        closed = hours is not None and opens(hours, time.time()) is not None
        state = JobState.QUEUED if listed else JobState.LISTING
        if scheduled or closed:
            state = JobState.SCHEDULED if scheduled else JobState.OFF_HOURS
        direct = listed and state is JobState.QUEUED and spec.lane is Lane.INTERACTIVE
        ready = keys.ready(spec.identity, spec.lane.value) if direct else ""
        if not self._c.scripts.submit(job_id, state, ready, receipt, total=count, listed=listed, chunks=chunks):
            # The lock expired, and a repetition of the request took over.
            raise Conflict("idempotency_in_progress")
        return job_id

    def _reserve(self, key: str, fingerprint: str | None, job_id: str) -> str:
        """The job id of the key: this one, or that of an earlier request that crashed or is in progress."""
        name = keys.idempotency(_digest(key))
        value = json.dumps({"id": job_id, "fingerprint": fingerprint})
        with redis_errors():
            if self._c.redis.set(name, value, nx=True, ex=_IDEMPOTENCY_SECONDS):
                return job_id
            raw = self._c.redis.get(name)
        return str(json.loads(raw)["id"]) if raw else job_id

    def _receive(self, job_id: str, items: Iterable[Item], total: int | None) -> tuple[int, int]:
        """Writes the items, idempotently. Returns the number of items and chunks."""
        chunks = count = 0
        for chunks, chunk in enumerate(guided(items, total or 0), start=1):
            count += len(chunk)
            pipe = self._c.redis.pipeline(transaction=False)
            pipe.set(keys.job(job_id, f"in:{chunks - 1}"), wire.pack_items(chunk))
            pipe.rpush(keys.job(job_id, "todo"), chunks - 1)
            pipe.expire(keys.job(job_id, "receiving"), _RECEIVING_LOCK_SECONDS)
            pipe.execute()
        return count, chunks


def _same(known: str, fingerprint: str) -> bool:
    """Whether a request is the one that is known; of archives, earlier versions knew the members' hashes instead."""
    earlier = fingerprint.startswith(SENT_FINGERPRINT) and not known.startswith(SENT_FINGERPRINT)
    return known == fingerprint or earlier


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
