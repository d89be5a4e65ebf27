"""The dispatcher's side: one holder at a time; admits, sweeps, splits what kills workers, lists, tidies."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from shared.jobs.ledger import keys, wire
from shared.jobs.ledger.claims import commit
from shared.jobs.ledger.connection import Connection, translated
from shared.jobs.ledger.removal import remove
from shared.jobs.ledger.submission import chunked
from shared.jobs.model import Item, ItemResult, Job, Lane
from shared.jobs.states import TERMINAL

#: Times that a chunk is tried before it is split, and a photo alone before it is given up.
ATTEMPTS = 3
#: Seconds after which a submission that never ended is removed.
_ABANDONED_SUBMISSION_SECONDS = 3600


class Office:
    """Every step is atomic and may be repeated, so a dispatcher that is replaced half-way does no harm."""

    def __init__(self, connection: Connection, holder: str) -> None:
        self._c = connection
        self._holder = holder
        self._news: Any = None

    def hold(self, seconds: float) -> bool:
        """Takes or keeps the office for `seconds`; False while another process has it."""
        with translated():
            taken = self._c.redis.set(keys.DISPATCHER, self._holder, nx=True, px=int(seconds * 1000))
            if taken:
                return True
            if self._c.redis.get(keys.DISPATCHER) != self._holder.encode():
                return False
            return bool(self._c.redis.pexpire(keys.DISPATCHER, int(seconds * 1000)))

    def leave(self) -> None:
        with translated():
            if self._c.redis.get(keys.DISPATCHER) == self._holder.encode():
                self._c.redis.delete(keys.DISPATCHER)

    def await_news(self, seconds: float) -> bool:
        """Waits until something is submitted or listed, `seconds` at the most; False when nothing was."""
        with translated():
            if self._news is None:
                self._news = self._c.redis.pubsub(ignore_subscribe_messages=True)
                self._news.subscribe(keys.NEWS)
            # The first call only takes in that it has subscribed.
            return self._news.get_message(timeout=seconds) is not None

    def waiting(self, identity: str, lane: str) -> int:
        """Admitted chunks that no worker has claimed yet."""
        with translated():
            return int(self._c.redis.llen(keys.ready(identity, lane)))

    def messages(self, queue: str) -> int:
        """Celery messages that wait in a queue of the broker, by its Redis key."""
        with translated():
            return int(self._c.redis.llen(queue))

    def leased(self, job_id: str) -> int:
        with translated():
            return int(self._c.redis.zcard(keys.job(job_id, "lease")))

    def admit(self, identity: str, lane: Lane, jobs: Sequence[str], ahead: int) -> int:
        """Gives each of `jobs` its turns, and admits chunks in turns until `ahead` of them wait or run.

        `jobs`: all that move in this lane, since what they run counts. Returns how many chunks were admitted.
        """
        return int(self._c.run("admit", identity, lane.value, ahead, *jobs))

    def append(self, job_id: str, items: Sequence[Item], cursor: str, last: bool, note: str | None = None) -> bool:
        """One listed chunk. `cursor` (the last path) is where a lister that is started again goes on.
        False: the job is not listing any more."""
        blob = wire.pack_items(items) if items else b""
        return bool(self._c.run("append", job_id, blob, len(items), os.fsencode(cursor), int(last), note or ""))

    def cursor(self, job_id: str) -> str | None:
        with translated():
            raw = self._c.redis.hget(keys.job(job_id, "meta"), "cursor")
        return os.fsdecode(raw) if raw else None

    def note(self, job_id: str, code: str | None, detail: Mapping[str, Any] | None = None) -> None:
        """Says on the job why it does not move, or takes that back. `detail`: values of the code's sentence."""
        self._c.run("note", job_id, code or "", json.dumps(detail or {}))

    def withdraw(self, job: Job) -> None:
        """Takes the job's chunks off the ready list and the job off the rota; they stay the next to be admitted."""
        lane = job.lane.value
        self._c.run("withdraw", job.id, keys.ready(job.identity, lane), keys.rota(job.identity, lane))

    def sweep(self, job: Job) -> int:
        """Puts expired chunks back; what a dead worker had in hand is tried alone, and given up as `poison` after
        `ATTEMPTS` deaths alone. Returns the number of chunks touched."""
        ready = keys.ready(job.identity, job.lane.value)
        answer = self._c.run("sweep", job.id, ready, ATTEMPTS)
        suspects = answer[1:]
        for chunk, token, attempts, hold in zip(*(suspects[i::4] for i in range(4)), strict=True):
            self._split(job, ready, int(chunk), int(token), int(attempts), {int(i) for i in hold.split()})
        return int(answer[0]) + len(suspects) // 4

    def _split(self, job: Job, ready: str, chunk: int, token: int, attempts: int, held: set[int]) -> None:
        with translated():
            blob = self._c.redis.get(keys.job(job.id, f"in:{chunk}"))
            bits = self._c.redis.get(keys.job(job.id, "done")) or b""
            was_alone = bool(self._c.redis.sismember(keys.job(job.id, "alone"), chunk))
        items = wire.undone(wire.unpack_items(blob), 0, bits) if blob else []
        if len(items) == 1 and attempts >= ATTEMPTS and was_alone:
            only = items[0]
            died = ItemResult(only.index, only.name, only.generation, only.sha256, error_code="poison")
            commit(self._c, job.id, chunk, token, [died])
            return
        suspects = [i for i in items if i.index in held]
        rest = [i for i in items if i.index not in held]
        parts: list[tuple[list[Item], int, bool]]
        if suspects:
            before = attempts if was_alone else 0
            parts = [([i], before, True) for i in suspects] + [(rest, 0, False)]
        elif attempts >= ATTEMPTS:
            # Nothing tells which photo it is: halve the chunk, one try each from here on. A photo that is alone now has
            # all its tries before it: a claim is charged as well when what died was another chunk of that worker's.
            half = (len(items) + 1) // 2
            halves = (items[:half], items[half:])
            parts = [(part, 0 if len(part) == 1 else ATTEMPTS - 1, len(part) == 1) for part in halves]
        else:
            parts = [(items, attempts, False)]
        args = [value for part, tried, alone in parts if part for value in (wire.pack_items(part), tried, int(alone))]
        if args:
            self._c.run("split", job.id, chunk, token, ready, *args)
        else:
            commit(self._c, job.id, chunk, token, [])

    def tidy(self) -> None:
        """Removes submissions that never ended. Ended jobs are released by `shared.jobs.archive`."""
        with translated():
            dead = self._c.redis.zrangebyscore(keys.RECEIVING, "-inf", time.time() - _ABANDONED_SUBMISSION_SECONDS)
        for raw in dead:
            self.remove(raw.decode())

    def adopt(self) -> None:
        """Ended jobs that an earlier version left without their end's time, or whose projection may lack something."""
        with translated():
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
        """Takes every key of a job or a dead submission out of the ledger, whatever its state."""
        remove(self._c, job_id)
        with translated():
            # A submission that died left chunks which nothing counts.
            names = list(self._c.redis.scan_iter(keys.job(job_id, "*"), count=5000))
            for group in chunked(names, 500):
                self._c.redis.unlink(*group)
