"""The dispatcher's side of the ledger: leader lock, admission, lease sweeping, poison isolation, listing, cleanup."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from shared.core.chunked import chunked
from shared.jobs.ledger import keys, wire
from shared.jobs.ledger.claims import commit
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.ledger.removal import remove
from shared.jobs.ledger.scripts import Expired, Part
from shared.jobs.model import Item, ItemResult, Job, Lane
from shared.jobs.photo_fields import fields_of
from shared.jobs.states import TERMINAL

#: Attempts before a chunk is split, and before a photo that is tried alone fails as `poison`.
ATTEMPTS = 3
#: Seconds after which an unfinished submission is removed.
_SUBMISSION_SECONDS = 3600


class DispatcherLedger:
    """Every step is atomic and idempotent, so a dispatcher may be replaced at any point."""

    def __init__(self, connection: Connection, holder: str) -> None:
        self._c = connection
        self._holder = holder
        self._news: Any = None

    def take_leadership(self, seconds: float) -> bool:
        """Takes or renews the leader lock for `seconds`; False while another process holds it."""
        with redis_errors():
            taken = self._c.redis.set(keys.DISPATCHER, self._holder, nx=True, px=int(seconds * 1000))
            if taken:
                return True
            if self._c.redis.get(keys.DISPATCHER) != self._holder.encode():
                return False
            return bool(self._c.redis.pexpire(keys.DISPATCHER, int(seconds * 1000)))

    def resign(self) -> None:
        with redis_errors():
            if self._c.redis.get(keys.DISPATCHER) == self._holder.encode():
                self._c.redis.delete(keys.DISPATCHER)

    def wait_for_news(self, seconds: float) -> bool:
        """Waits at most `seconds` for a submission or a listed chunk; False when there was none."""
        with redis_errors():
            if self._news is None:
                self._news = self._c.redis.pubsub(ignore_subscribe_messages=True)
                self._news.subscribe(keys.NEWS)
            # The first call only receives the subscription's confirmation.
            return self._news.get_message(timeout=seconds) is not None

    def waiting(self, identity: str, lane: str) -> int:
        """Admitted chunks that no worker has claimed yet."""
        with redis_errors():
            return int(self._c.redis.llen(keys.ready(identity, lane)))

    def messages(self, queue: str) -> int:
        """Length of a broker queue, given its Redis key."""
        with redis_errors():
            return int(self._c.redis.llen(queue))

    def admit(self, identity: str, lane: Lane, jobs: Sequence[str], ahead: int) -> int:
        """Puts `jobs` on the rota and admits chunks round-robin until `ahead` of them are ready or leased.

        `jobs`: all active jobs of this lane, since their leased chunks count. Returns the number of chunks admitted.
        """
        return self._c.scripts.admit(identity, lane.value, ahead, jobs)

    def append(
        self,
        job_id: str,
        items: Sequence[Item],
        cursor: str,
        last: bool,
        note: str | None = None,
        left_out: Mapping[str, int] | None = None,
    ) -> bool:
        """Appends one listed chunk. `cursor` (the last path) is where a restarted lister continues; `left_out`: what
        was left out up to there (None: as before). False: the job is no longer being listed."""
        blob = wire.pack_items(items) if items else b""
        counts = "" if left_out is None else json.dumps(left_out)
        return self._c.scripts.append(job_id, blob, len(items), cursor, last=last, note=note or "", left_out=counts)

    def forget_sent(self, job_id: str) -> None:
        """The job's archives are unpacked."""
        with redis_errors():
            self._c.redis.unlink(keys.job(job_id, "sent"))

    def cursor(self, job_id: str) -> str | None:
        with redis_errors():
            raw = self._c.redis.hget(keys.job(job_id, "meta"), "cursor")
        return os.fsdecode(raw) if raw else None

    def note(self, job_id: str, code: str | None, detail: Mapping[str, Any] | None = None) -> None:
        """Sets or clears the note that explains why the job is not progressing. `detail`: values for its message."""
        self._c.scripts.note(job_id, code or "", json.dumps(detail or {}))

    def explain(self, job: Job, code: str | None, detail: Mapping[str, Any] | None = None) -> None:
        """As `note`, unless the job has ended or got another note since it was read."""
        self._c.scripts.note(job.id, code or "", json.dumps(detail or {}), seen=job.note or "")

    def withdraw(self, job: Job) -> None:
        """Moves the job's ready chunks back to the front of its queue, and takes the job off the rota."""
        self._c.scripts.withdraw(job.id, job.identity, job.lane.value)

    def sweep(self, job: Job) -> int:
        """Requeues chunks with expired leases. Photos that a dead worker was processing are tried alone, and fail as
        `poison` after `ATTEMPTS` deaths alone. Returns the number of chunks handled."""
        ready = keys.ready(job.identity, job.lane.value)
        requeued, to_split = self._c.scripts.sweep(job.id, ready, ATTEMPTS)
        for expired in to_split:
            self._split(job, ready, expired)
        return requeued + len(to_split)

    def _split(self, job: Job, ready: str, expired: Expired) -> None:
        chunk, token, attempts = expired.chunk, expired.token, expired.attempts
        with redis_errors():
            blob = self._c.redis.get(keys.job(job.id, f"in:{chunk}"))
            bits = self._c.redis.get(keys.job(job.id, "done")) or b""
            was_alone = bool(self._c.redis.sismember(keys.job(job.id, "alone"), chunk))
        items = wire.undone(wire.unpack_items(blob), 0, bits) if blob else []
        if len(items) == 1 and attempts >= ATTEMPTS and was_alone:
            only = items[0]
            died = ItemResult(
                only.index, only.name, only.generation, only.sha256, error_code="poison", extra=fields_of(only)
            )
            commit(self._c, job.id, chunk, token, [died])
            return
        suspects = [i for i in items if i.index in expired.held]
        rest = [i for i in items if i.index not in expired.held]
        parts: list[tuple[list[Item], int, bool]]
        if suspects:
            before = attempts if was_alone else 0
            parts = [([i], before, True) for i in suspects] + [(rest, 0, False)]
        elif attempts >= ATTEMPTS:
            # The culprit is unknown: bisect, with one attempt per half. A photo that is alone now gets all its
            # attempts, because a claim is also charged when another chunk killed the worker.
            half = (len(items) + 1) // 2
            halves = (items[:half], items[half:])
            parts = [(part, 0 if len(part) == 1 else ATTEMPTS - 1, len(part) == 1) for part in halves]
        else:
            parts = [(items, attempts, False)]
        packed = [Part(wire.pack_items(part), tried, alone) for part, tried, alone in parts if part]
        if packed:
            self._c.scripts.split(job.id, chunk, token, ready, packed)
        else:
            commit(self._c, job.id, chunk, token, [])

    def remove_dead_submissions(self) -> None:
        """Removes abandoned submissions. Ended jobs are released by `shared.jobs.archive`."""
        with redis_errors():
            dead = self._c.redis.zrangebyscore(keys.RECEIVING, "-inf", time.time() - _SUBMISSION_SECONDS)
        for raw in dead:
            self.remove(raw.decode())

    def adopt_ended_jobs(self) -> None:
        """Registers ended jobs of earlier versions: their end time, and whether their projection may be incomplete."""
        with redis_errors():
            redis = self._c.redis
            listed = {*redis.zrange(keys.JOBS, 0, -1), *redis.zrange(keys.BRIEF, 0, -1)}
            ids = [i.decode() for i in sorted(listed - redis.smembers(keys.ACTIVE))]
            for group in chunked(ids, 500):
                pipe = redis.pipeline(transaction=False)
                for job_id in group:
                    pipe.hmget(keys.job(job_id, "meta"), "state", "finished", "projected", "kind")
                    pipe.llen(keys.job(job_id, "log"))
                rows = pipe.execute()
                for job_id, (state, finished, projected, kind), entries in zip(
                    group, rows[::2], rows[1::2], strict=True
                ):
                    if (state or b"").decode() not in TERMINAL:
                        continue
                    redis.zadd(keys.ENDED, {job_id: float(finished or time.time())}, nx=True)
                    if kind != b"classify" and projected != str(entries).encode():
                        redis.sadd(keys.UNPROJECTED, job_id)

    def remove(self, job_id: str) -> None:
        """Deletes every key of a job or an abandoned submission, whatever its state."""
        remove(self._c, job_id)
        with redis_errors():
            # An abandoned submission may have left chunks that no counter covers.
            names = list(self._c.redis.scan_iter(keys.job(job_id, "*"), count=5000))
            for group in chunked(names, 500):
                self._c.redis.unlink(*group)
