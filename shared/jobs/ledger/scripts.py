"""The ledger's Lua scripts as typed functions: one method for each file in `lua/`, which documents what it does.

Each runs atomically, and each is idempotent or fenced, so it may be repeated after a lost reply. All raise Unavailable
where Redis cannot be reached or is full.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import redis

from shared.jobs.ledger.redis_errors import redis_errors
from shared.jobs.states import as_lua

LUA = Path(__file__).parent / "lua"
#: What redis-py encodes.
Value = str | bytes | int | float


@dataclass(frozen=True, slots=True)
class ClaimReply:
    job: str
    chunk: int
    token: int
    attempt: int
    #: Items of the chunk, packed (see wire).
    blob: bytes
    #: Bitmap: items of this chunk that have an outcome.
    done: bytes
    bank: str
    preset: str
    alone: bool
    #: The job's folder as its bytes; empty where its photos are uploads.
    path: bytes
    #: Of the job's submission: the request's id, the span, the key's name; each may be empty.
    request: str
    trace: str
    owner: str


@dataclass(frozen=True, slots=True)
class CommitReply:
    accepted: int
    duplicates: int
    #: The caller held the lease.
    held: bool


@dataclass(frozen=True, slots=True)
class Expired:
    """A chunk whose lease has expired and that the dispatcher has to split."""

    chunk: int
    token: int
    attempts: int
    #: Indexes of the items that were in progress.
    held: frozenset[int]


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk that replaces a part of another."""

    blob: bytes
    attempts: int
    #: Nothing else may be in progress beside it.
    alone: bool


@dataclass(frozen=True, slots=True)
class UploadReply:
    """Files and bytes of the whole upload, and the sender that it belongs to."""

    files: int = 0
    bytes: int = 0
    sender: int = 0
    #: It belongs to another sender; nothing was recorded.
    taken_over: bool = False


@cache
def source(name: str) -> str:
    """The script as Redis gets it: behind the state table and `common.lua`."""
    common = (LUA / "common.lua").read_text(encoding="utf-8")
    return as_lua() + common + (LUA / f"{name}.lua").read_text(encoding="utf-8")


class Scripts:
    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._registered: dict[str, Any] = {}

    def _run(self, name: str, *args: Value, keys: Sequence[str] = ()) -> Any:
        if name not in self._registered:
            self._registered[name] = self._redis.register_script(source(name))
        with redis_errors():
            return self._registered[name](keys=list(keys), args=list(args))

    # A submission.

    def receive(self, job: str, receipt: str, lock_seconds: int, fields: Sequence[Value]) -> int:
        """`fields`: names and values in turns. 1: continue; 0: another request with this key is in progress; -1: the
        job is already accepted."""
        return int(self._run("receive", job, receipt, lock_seconds, *fields))

    def submit(self, job: str, state: str, ready: str, receipt: str, *, total: int, listed: bool, chunks: int) -> bool:
        """`ready`: the ready list, or "" to leave admission to the dispatcher. False: another request took over."""
        return bool(self._run("submit", job, state, ready, receipt, total, int(listed), chunks))

    def append(
        self, job: str, blob: bytes, count: int, cursor: str, *, last: bool, note: str, left_out: str = ""
    ) -> bool:
        """`left_out`: JSON object, or "" to leave it as it is. False: stop listing."""
        return bool(self._run("append", job, blob, count, os.fsencode(cursor), int(last), note, left_out))

    def upload(
        self, upload: str, keep_seconds: float, stored: float, sender: Value, rows: Sequence[Value]
    ) -> UploadReply | None:
        """`sender`: its number, `next` for one that takes the upload over, "" where it is not told; `rows`: position,
        row, bytes and fresh SHA-256 in turns. None: the upload is gone."""
        reply = self._run("upload", upload, keep_seconds, stored, sender, *rows)
        if reply is None:
            return None
        if reply == 0:
            return UploadReply(taken_over=True)
        files, size, current = map(int, reply)
        return UploadReply(files, size, current)

    def part(self, upload: str, keep_seconds: float, stored: float, rows: Sequence[Value]) -> int | None:
        """`rows`: SHA-256, bytes and freshness (1 or 0) in turns. Bytes of all parts; None: the upload is gone."""
        reply = self._run("part", upload, keep_seconds, stored, *rows)
        return None if reply is None else int(reply)

    # Work.

    def admit(self, identity: str, lane: str, target: int, jobs: Sequence[str]) -> int:
        """The number of chunks admitted."""
        return int(self._run("admit", identity, lane, target, *jobs))

    def claim(
        self, ready: str, worker: str, lease_seconds: float, engine: str, precision: str, skip: Sequence[str]
    ) -> ClaimReply | None:
        got = self._run("claim", worker, lease_seconds, engine, precision, *skip, keys=[ready])
        if not got:
            return None
        job, chunk, token, attempt, blob, done, bank, preset, alone, path, request, trace, owner = got
        return ClaimReply(
            job=job.decode(),
            chunk=int(chunk),
            token=int(token),
            attempt=int(attempt),
            blob=blob,
            done=done,
            bank=bank.decode(),
            preset=preset.decode(),
            alone=bool(alone),
            path=path,
            request=request.decode(),
            trace=trace.decode(),
            owner=owner.decode("utf-8", "replace"),
        )

    def renew(self, lease_seconds: float, held: Sequence[tuple[str, int, int, Sequence[int]]]) -> list[bool]:
        """`held`: (job, chunk, token, indexes in progress). For each, whether the lease is still held."""
        args: list[Value] = []
        for job, chunk, token, indexes in held:
            args += [job, chunk, token, " ".join(map(str, indexes))]
        return [bool(renewed) for renewed in self._run("renew", lease_seconds, *args)]

    def commit(
        self,
        job: str,
        chunk: int,
        token: int,
        *,
        final: bool,
        results: bytes,
        vectors: bytes,
        outcomes: Sequence[tuple[int, int, str, bool]],
    ) -> CommitReply:
        """`outcomes`: (index, generation, error code or "", cached) of each packed result."""
        rows = [value for index, gen, code, cached in outcomes for value in (index, gen, code, int(cached))]
        reply = self._run("commit", job, chunk, token, int(final), results, vectors, len(outcomes), *rows)
        accepted, duplicates, held = reply
        return CommitReply(int(accepted), int(duplicates), bool(held))

    def release(self, job: str, chunk: int, token: int, ready: str) -> bool:
        """False: the lease was lost."""
        return bool(self._run("release", job, chunk, token, ready))

    def expire(self, worker: str) -> int:
        """The number of leases expired."""
        return int(self._run("expire", worker))

    def sweep(self, job: str, ready: str, attempts: int) -> tuple[int, list[Expired]]:
        """(chunks queued again, chunks to split)."""
        requeued, *rest = self._run("sweep", job, ready, attempts)
        rows = zip(*(rest[i::4] for i in range(4)), strict=True)
        found = [Expired(int(c), int(t), int(a), frozenset(map(int, held.split()))) for c, t, a, held in rows]
        return int(requeued), found

    def split(self, job: str, chunk: int, token: int, ready: str, parts: Sequence[Part]) -> bool:
        """False: the lease was renewed or lost."""
        args = [value for part in parts for value in (part.blob, part.attempts, int(part.alone))]
        return bool(self._run("split", job, chunk, token, ready, *args))

    def withdraw(self, job: str, identity: str, lane: str) -> int:
        """The number of chunks moved."""
        return int(self._run("withdraw", job, identity, lane))

    # What people and the dispatcher do with a job.

    def control(self, job: str, verb: str) -> str | None:
        """The state before; None: no such job."""
        before = self._run("control", job, verb)
        return None if before is None else str(before.decode())

    def rename(self, job: str, name: str) -> bool:
        """False: no such job."""
        return bool(self._run("rename", job, name))

    def prioritise(self, job: str, priority: str) -> str | None:
        """The state, unchanged where that is terminal; None: no such job."""
        state = self._run("prioritise", job, priority)
        return None if state is None else str(state.decode())

    def precede(self, job: str, first: bool) -> str | None:
        """The state, unchanged where that is terminal; None: no such job."""
        state = self._run("precede", job, int(first))
        return None if state is None else str(state.decode())

    def adjust(self, job: str, values: Mapping[str, Value]) -> str | None:
        """`values`: "" removes one. The state, nothing being done where that is terminal; None: no such job."""
        state = self._run("adjust", job, *(part for pair in values.items() for part in pair))
        return None if state is None else str(state.decode())

    def retry(self, job: str, blob: bytes, generations: Sequence[tuple[int, int]]) -> bool:
        """`generations`: (index, new generation). False: refused."""
        return bool(self._run("retry", job, blob, *(value for pair in generations for value in pair)))

    def note(self, job: str, code: str, detail: str, seen: str = "*") -> bool:
        """`code`: "" clears; `detail`: a JSON object; `seen`: only where this is still the note. False: not done."""
        return bool(self._run("note", job, code, detail, seen))

    def settle(self, job: str, log_entries: int, state: str) -> bool:
        """False: there is more to project."""
        return bool(self._run("settle", job, log_entries, state))

    def trim(self, job: str, log_entries: int) -> bool:
        """False: it has not finished, or there is more to project."""
        return bool(self._run("trim", job, log_entries))

    def remove(self, job: str, log_entries: int | None, *, released: bool) -> bool:
        """`log_entries` None: unconditionally. False: not removed."""
        return bool(self._run("remove", job, "" if log_entries is None else log_entries, int(released)))
