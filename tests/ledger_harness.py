"""A ledger with made-up jobs, workers that give fixed answers, and a dispatcher."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.jobs.ledger import Ledger, keys
from shared.jobs.ledger.claims import Claim, Claims
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.model import Item, ItemResult, Job, JobSpec, Lane
from shared.ranking.model import Candidate, Ranking, Verdict

IDENTITY = "feedfeedfeedfeed"
DIM = 4


def spec(name: str = "job", lane: Lane = Lane.BULK, **values: Any) -> JobSpec:
    """What a user asks for."""
    base: dict[str, Any] = {"preset": "standard", "kind": "upload", "bank": "b1", "model": "m", "identity": IDENTITY}
    return JobSpec(**{**base, "name": name, "lane": lane, **values})


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def photos(count: int, prefix: str = "p") -> list[Item]:
    """Items that name stored photos."""
    return [Item(i, f"{prefix}{i}.jpg", sha256=sha(f"{prefix}{i}")) for i in range(count)]


def vector(item: Item) -> bytes:
    """A float16 row that only this item has."""
    return np.full(DIM, item.index + 1, np.float16).tobytes()


def answer(item: Item) -> ItemResult:
    """The result that every worker gives for this item."""
    ranking = Ranking(Verdict.LABEL, f"class-{item.index % 3}", 0.9, 0.5, (Candidate("class", 1.0, "s"),))
    return ItemResult(item.index, item.name, item.generation, item.sha256, ranking=ranking)


def failure(item: Item, code: str = "truncated") -> ItemResult:
    return ItemResult(item.index, item.name, item.generation, item.sha256, error_code=code)


@dataclass
class LedgerHarness:
    """One ledger and all its clients."""

    ledger: Ledger
    lease: float = 20.0

    @property
    def redis(self) -> Any:
        return self.ledger.connection.redis

    @property
    def dispatcher(self) -> DispatcherLedger:
        return DispatcherLedger(self.ledger.connection, "dispatcher")

    def worker(
        self, name: str = "w1", identity: str = IDENTITY, lease: float | None = None, engine: str = ""
    ) -> Claims:
        return Claims(self.ledger.connection, name, identity, self.lease if lease is None else lease, engine)

    def submit(self, count: int, name: str = "job", lane: Lane = Lane.BULK, **values: Any) -> Job:
        return self.ledger.submit(spec(name, lane, **values), photos(count))

    @property
    def newest(self) -> Job:
        """The job that was submitted last."""
        return self.ledger.listed(1)[0]

    def admit(self, job: Job, count: int = 1000) -> int:
        """So many chunks more than wait or run now, of this job and of those whose turn it is besides."""
        under_way = self.dispatcher.waiting(job.identity, job.lane.value) + self.leased(job.id)
        return self.dispatcher.admit(job.identity, job.lane, [job.id], under_way + count)

    def sweep(self, job: Job) -> int:
        return self.dispatcher.sweep(self.ledger.job(job.id))

    def leased(self, job_id: str) -> int:
        """Chunks of the job that workers hold."""
        return int(self.redis.zcard(keys.job(job_id, "lease")))

    def lapse(self, job: Job) -> None:
        """All leases of the job run out now."""
        for chunk, _ in self.redis.zscan_iter(keys.job(job.id, "lease")):
            self.redis.zadd(keys.job(job.id, "lease"), {chunk: 1})

    def finish(self, claims: Claims, claim: Claim, bad: Iterable[int] = ()) -> bool:
        """Hands in every item of the claim; those in `bad` fail."""
        failing = set(bad)
        results = [failure(i) if i.index in failing else answer(i) for i in claim.items]
        rows = b"".join(vector(i) for i in claim.items if i.index not in failing)
        return claims.commit(claim, results, rows, final=True)

    def drain(self, claims: Claims, lane: Lane = Lane.BULK, bad: Iterable[int] = ()) -> list[Claim]:
        """Works until there is nothing to claim; the claims, in order."""
        done: list[Claim] = []
        while claim := claims.claim(lane):
            self.finish(claims, claim, bad)
            done.append(claim)
        return done

    def bits(self, job: Job) -> int:
        return int(self.redis.bitcount(keys.job(job.id, "done")))

    def check(self, job: Job) -> Job:
        """The invariants of an ended job: every item has exactly one outcome, counted once. Returns the job."""
        now = self.ledger.job(job.id)
        outcomes = self.ledger.results(job.id)
        assert now.state == "finished", now
        assert now.ok + now.failed == now.total == self.bits(job) == len(outcomes), (now, self.bits(job), len(outcomes))
        assert [r.index for r in outcomes] == list(range(now.total))
        assert now.ok == sum(r.ok for r in outcomes)
        return now
