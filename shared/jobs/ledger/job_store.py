"""Jobs, worker heartbeats and queue figures as stored in the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from shared.bank.manifest import DEFAULT_BANK
from shared.core.errors import NotFound
from shared.jobs.estimate import Estimate
from shared.jobs.job_search import EVERY, JobFilter
from shared.jobs.ledger import keys, overview, wire
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.damage import damaged
from shared.jobs.ledger.overview import LaneQueue, Overview
from shared.jobs.ledger.pace import Pace, Sample, measure, parse
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.ledger.search import chosen
from shared.jobs.ledger.uploads import UploadRecords
from shared.jobs.model import OF_UNENDED, WAITING_FOR, ItemResult, Job, JobState, Lane, Priority, Sent
from shared.jobs.splitting import Split

#: A worker whose last heartbeat is older than this counts as gone; its key has expired by then.
_HEARTBEAT_TTL = 15
#: Samples of a job's pace that commit.lua keeps.
_PACE_SAMPLES = 60
_log = structlog.get_logger(__name__)


#: Jobs whose damage this process has logged.
_damaged: set[str] = set()


class JobStore:
    def __init__(self, connection: Connection) -> None:
        self._c = connection

    def job(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: the ledger holds no such job.
        """
        found = self._jobs([job_id])
        if not found:
            raise NotFound(what=f"job {job_id}")
        return found[0]

    def jobs(self, limit: int = 50, before: float | None = None, wanted: JobFilter = EVERY) -> list[Job]:
        """Newest first; `before` is the paging cursor (creation time)."""
        top = f"({before}" if before is not None else "+inf"
        with redis_errors():
            if wanted.looks:
                return self._jobs(chosen(self._c.redis, wanted, top, limit))
            ids = self._c.redis.zrevrangebyscore(keys.JOBS, top, "-inf", start=0, num=limit)
        return self._jobs([i.decode() for i in ids])

    def active(self) -> list[Job]:
        """Jobs that are neither finished nor cancelled."""
        with redis_errors():
            ids = self._c.redis.smembers(keys.ACTIVE)
        return self._jobs(sorted(i.decode() for i in ids))

    def results(self, job_id: str) -> list[ItemResult]:
        """Accepted results straight from the commit log, by index; for small jobs."""
        with redis_errors():
            entries = self._c.redis.lrange(keys.job(job_id, "log"), 0, -1)
        latest = {r.index: r for entry in entries for r in accepted(entry)}
        return [latest[i] for i in sorted(latest)]

    def log(self, job_id: str, start: int, count: int) -> list[tuple[list[ItemResult], bytes | None]]:
        """Commit log entries from `start` on: accepted results and their vectors (float16 rows of the ok ones)."""
        with redis_errors():
            entries = self._c.redis.lrange(keys.job(job_id, "log"), start, start + count - 1)
            names = [keys.job(job_id, f"vec:{start + i}") for i in range(len(entries))]
            vectors = self._c.redis.mget(names) if names else []
        return [accepted_with_rows(e, v) for e, v in zip(entries, vectors, strict=True)]

    def log_length(self, job_id: str) -> int:
        with redis_errors():
            return int(self._c.redis.llen(keys.job(job_id, "log")))

    def trimmed(self, job_id: str) -> int:
        """Log entries, from the first on, that only the job's projection holds (see `archive.trim`)."""
        with redis_errors():
            return int(self._c.redis.hget(keys.job(job_id, "meta"), "trimmed") or 0)

    def contains(self, job_id: str) -> bool:
        """Whether the ledger still holds the job."""
        with redis_errors():
            return bool(self._c.redis.exists(keys.job(job_id, "meta")))

    def upload_digests(self) -> Iterator[str]:
        """SHA-256 of every upload that a job in the ledger refers to."""
        with redis_errors():
            for name in self._c.redis.scan_iter(keys.job("*", "in:*"), count=1000):
                if blob := self._c.redis.get(name):
                    for item in wire.unpack_items(blob):
                        yield from (name for name in (item.sha256, item.part and item.part.whole) if name)
        yield from self.sent_digests()
        yield from UploadRecords(self._c, 0).digests()

    def sent_digests(self) -> Iterator[str]:
        """SHA-256 of every file of submissions whose archives are not all unpacked."""
        with redis_errors():
            for name in self._c.redis.scan_iter(keys.job("*", "sent"), count=1000):
                if blob := self._c.redis.get(name):
                    yield from (file.sha256 for file in wire.unpack_sent(blob))

    def sent(self, job_id: str) -> list[Sent] | None:
        """The files of a submission with archives, in order; None once all are unpacked."""
        with redis_errors():
            blob = self._c.redis.get(keys.job(job_id, "sent"))
        return wire.unpack_sent(blob) if blob else None

    def forget_vectors(self, job_id: str, start: int, count: int) -> None:
        """Deletes vectors that the projection has stored."""
        if count:
            with redis_errors():
                self._c.redis.unlink(*(keys.job(job_id, f"vec:{start + i}") for i in range(count)))

    def has_dispatcher(self) -> bool:
        """Whether a dispatcher holds the leader lock."""
        with redis_errors():
            return bool(self._c.redis.exists(keys.DISPATCHER))

    def workers(self) -> list[dict[str, Any]]:
        """Heartbeats of live workers, sorted by id."""
        with redis_errors():
            now = time.time()
            self._c.redis.zremrangebyscore(keys.WORKERS, "-inf", now - 3600)
            ids = self._c.redis.zrange(keys.WORKERS, 0, -1)
            beats = self._c.redis.mget([keys.worker(i.decode()) for i in ids]) if ids else []
        return sorted((json.loads(b) for b in beats if b), key=lambda w: w["id"])

    def record_heartbeat(self, worker_id: str, info: dict[str, Any], seconds: float = _HEARTBEAT_TTL) -> None:
        """Stores a worker's heartbeat; the worker counts as gone `seconds` after the last one."""
        with redis_errors():
            pipe = self._c.redis.pipeline(transaction=False)
            text = json.dumps({**info, "last_seen": time.time()})
            pipe.set(keys.worker(worker_id), text, px=int(seconds * 1000))
            pipe.zadd(keys.WORKERS, {worker_id: time.time()})
            pipe.execute()

    def worker(self, worker_id: str) -> dict[str, Any] | None:
        """One worker's last heartbeat, or None once it has expired."""
        with redis_errors():
            found = self._c.redis.get(keys.worker(worker_id))
        return dict(json.loads(found)) if found else None

    def deregister_worker(self, worker_id: str) -> None:
        """Removes a worker that is shutting down."""
        with redis_errors():
            self._c.redis.delete(keys.worker(worker_id))
            self._c.redis.zrem(keys.WORKERS, worker_id)

    def announce_roots(self, roots: Sequence[Path], seconds: float) -> None:
        """Publishes the folder roots of the running server, for `seconds`."""
        with redis_errors():
            self._c.redis.set(keys.ROOTS, json.dumps([str(root) for root in roots]), px=int(seconds * 1000))

    def folder_roots(self) -> tuple[Path, ...] | None:
        """Folder roots of the running server; None while none is running."""
        with redis_errors():
            raw = self._c.redis.get(keys.ROOTS)
        return None if raw is None else tuple(Path(root) for root in json.loads(raw))

    def overview(self) -> Overview:
        """Counts of the jobs that have not ended, a second old where a dispatcher leads."""
        return overview.current(self._c, self.active)

    def queue(self) -> dict[str, LaneQueue]:
        """See `overview.lanes`."""
        return overview.lanes(self._c, self.overview())

    def stats(self) -> dict[str, float]:
        """Totals since the ledger was created, and its Redis memory in bytes."""
        with redis_errors():
            rows = {k.decode(): float(v) for k, v in self._c.redis.hgetall(keys.STATS).items()}
        totals = {name: value for name, value in rows.items() if ":" not in name}
        used, limit = self.memory()
        base = dict.fromkeys(("photos_ok", "photos_failed", "cached"), 0.0)
        return {**base, **totals, "redis_memory": used, "redis_maxmemory": limit}

    def counted(self, what: str) -> dict[str, int]:
        """Totals since the ledger was created: `failed`, photos by error code; `jobs`, ended ones by state."""
        with redis_errors():
            rows = self._c.redis.hgetall(keys.STATS)
        pairs = ((k.decode().partition(":"), int(v)) for k, v in rows.items())
        return {name: value for (head, _, name), value in pairs if head == what and name}

    def memory(self) -> tuple[int, int]:
        """Used and maximum memory of the ledger's Redis, in bytes (maximum 0: no limit)."""
        with redis_errors():
            memory = self._c.redis.info("memory")
        return int(memory["used_memory"]), int(memory.get("maxmemory", 0))

    def _jobs(self, ids: list[str]) -> list[Job]:
        with redis_errors():
            pipe = self._c.redis.pipeline(transaction=False)
            for job_id in ids:
                pipe.hgetall(keys.job(job_id, "meta"))
                pipe.lrange(keys.job(job_id, "pace"), 0, -1)
                pipe.get(keys.job(job_id, "estimate"))
            rows = pipe.execute(raise_on_error=False) if ids else []
            # A key of the wrong type affects its own job only; any other Redis error affects all.
            if other := next((r for r in rows if isinstance(r, Exception) and "WRONGTYPE" not in str(r)), None):
                raise other
        rows = [b"" if isinstance(row, Exception) else row for row in rows]
        return [
            _job_or_damaged(i, meta, pace, told)
            for i, meta, pace, told in zip(ids, rows[::3], rows[1::3], rows[2::3], strict=True)
            if meta and meta.get(b"state", b"receiving") != b"receiving"
        ]


def accepted(entry: bytes) -> list[ItemResult]:
    """The results of one log entry that counted."""
    return [r for r, counted in _unpacked_entry(entry) if counted]


def accepted_with_rows(entry: bytes, vectors: bytes | None) -> tuple[list[ItemResult], bytes | None]:
    """The results that counted, and the float16 rows of the ok ones among them; `vectors` holds a row per ok result."""
    unpacked = _unpacked_entry(entry)
    results = [r for r, counted in unpacked if counted]
    counted = [bit for r, bit in unpacked if r.ok]
    if not vectors or all(counted):
        return results, vectors
    size = len(vectors) // len(counted)
    return results, b"".join(vectors[i * size : (i + 1) * size] for i, bit in enumerate(counted) if bit)


def _unpacked_entry(entry: bytes) -> list[tuple[ItemResult, bool]]:
    """(result, whether it counted) for every result of one log entry."""
    head, _, blob = entry.partition(b"\n")
    mask = head.rpartition(b" ")[2]
    return [(r, bit == 0x31) for r, bit in zip(wire.unpack_results(blob), mask, strict=True)]


def _job_or_damaged(job_id: str, raw: dict[bytes, bytes], pace: list[bytes], told: bytes | None) -> Job:
    """The job; a damaged record yields a stopped job with what is readable, so that it does not hide the others."""
    try:
        job = _job(job_id, raw, pace)
        if told and job.listed and (job.rule.progresses or job.rule.opens_itself) and not job.waiting_for:
            job = replace(job, estimate=Estimate(*json.loads(told)))
        return job
    except Exception as error:
        if job_id not in _damaged:
            _damaged.add(job_id)
            _log.error("job_damaged", job=job_id, error=repr(error))
        return damaged(job_id, raw)


def _job(job_id: str, raw: dict[bytes, bytes], pace: list[bytes]) -> Job:
    # Path and cursor hold the raw bytes of a path, which may not be valid UTF-8.
    meta = {k.decode(): v.decode("utf-8", "surrogateescape") for k, v in raw.items()}

    def number(key: str) -> float | None:
        return float(meta[key]) if key in meta else None

    listed = meta.get("listed") == "1"
    job = Job(
        id=job_id,
        name=meta["name"],
        kind=meta["kind"],
        state=JobState(meta["state"]),
        lane=Lane(meta["lane"]),
        preset=meta["preset"],
        model=meta["model"],
        engine=meta.get("engine"),
        precision=meta.get("precision"),
        bank=meta["bank"],
        identity=meta["identity"],
        total=int(meta.get("total", 0)) if listed else max(int(meta.get("total", 0)), int(meta.get("expected", 0))),
        listed=listed,
        ok=int(meta["ok"]),
        failed=int(meta["failed"]),
        duplicates=int(meta["dups"]),
        cached=int(meta["cached"]),
        created=float(meta["created"]),
        started=number("started"),
        finished=number("finished"),
        path=meta.get("path"),
        not_before=number("not_before"),
        note=meta.get("note"),
        note_detail=json.loads(meta.get("note_detail", "{}")),
        left_out=json.loads(meta.get("left_out", "{}")),
        owner=meta.get("owner"),
        priority=Priority(meta.get("priority", Priority.NORMAL)),
        repeats=meta.get("repeats"),
        collection=meta.get("collection"),
        bank_id=meta.get("bank_id", DEFAULT_BANK),
        window=meta.get("window"),
        anyway="anyway" in meta,
        deadline=number("deadline"),
        first=number("first"),
        split=Split(meta["split"]) if "split" in meta else None,
    )
    if job.ended and job.note in OF_UNENDED:
        job = replace(job, note=None, note_detail={})
    samples = [parse(entry) for entry in pace]
    if anchor := meta.get("anchor"):
        samples.insert(0, parse(anchor.encode()))
    elif job.started and len(samples) < _PACE_SAMPLES:
        samples.insert(0, Sample(job.started, int(meta.get("base", 0)), 0))
    rate, eta = _pace(job, samples, int(meta.get("base", 0)))
    return replace(job, rate=rate, eta=eta)


def _pace(job: Job, samples: Sequence[Sample], base: int) -> Pace:
    """Rate and ETA; neither while the job makes no progress, no ETA before the listing is complete."""
    if job.started and job.finished and job.finished > job.started and job.done > base:
        return Pace(rate=(job.done - base) / (job.finished - job.started))
    if not job.rule.progresses or job.note in WAITING_FOR:
        return Pace()
    rate, eta = measure(samples, time.time(), job.total - job.done)
    return Pace(rate, eta if job.listed else None)
