"""Any order of claims, commits, renewals, deaths, cancels, pauses and retries keeps the ledger's promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from shared.core.errors import Conflict
from shared.jobs.ledger import keys
from shared.jobs.ledger.claims import Claim
from shared.jobs.ledger.wire import unpack_items
from shared.jobs.model import Item, ItemResult, Job, JobState, Lane
from tests.ledger_harness import LedgerHarness, answer, failure, photos, spec, vector

WORKERS = ("w1", "w2", "w3")


class LedgerMachine(RuleBasedStateMachine):
    """Two jobs, three workers and one dispatcher; a model of what each job may hold follows along."""

    #: Set by the test: the harness to work on.
    harness: LedgerHarness

    claims: Bundle[tuple[str, Claim]] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.harness.redis.flushall()
        self.jobs = [
            self.harness.ledger.submit(spec("bulk"), photos(40)),
            self.harness.ledger.submit(spec("waiting", Lane.INTERACTIVE), photos(20)),
        ]
        self.ended: dict[str, int] = {}

    def job(self, which: int) -> Job:
        return self.harness.ledger.job(self.jobs[which].id)

    @rule(which=st.integers(0, 1), count=st.integers(1, 3))
    def admit(self, which: int, count: int) -> None:
        self.harness.admit(self.job(which), count)

    @rule(target=claims, worker=st.sampled_from(WORKERS), lane=st.sampled_from(Lane))
    def claim(self, worker: str, lane: Lane) -> tuple[str, Claim | None]:
        return worker, self.harness.worker(worker).claim(lane)

    @rule(held=claims, part=st.integers(0, 40), bad=st.sets(st.integers(0, 40), max_size=3), final=st.booleans())
    def commit(self, held: tuple[str, Claim | None], part: int, bad: set[int], final: bool) -> None:
        """Also what was committed before, or belongs to another by now: messages come late and twice."""
        worker, claim = held
        if claim is None:
            return
        items = claim.items if final else claim.items[:part]
        results: list[ItemResult] = [failure(i) if i.index in bad else answer(i) for i in items]
        rows = b"".join(vector(i) for i in items if i.index not in bad)
        self.harness.worker(worker).commit(claim, results, rows, final)

    @rule(held=claims, hold=st.sets(st.integers(0, 40), max_size=4))
    def renew(self, held: tuple[str, Claim | None], hold: set[int]) -> None:
        worker, claim = held
        if claim is not None:
            self.harness.worker(worker).renew([(claim, sorted(hold & {i.index for i in claim.items}))])

    @rule(held=consumes(claims))
    def release(self, held: tuple[str, Claim | None]) -> None:
        worker, claim = held
        if claim is not None:
            self.harness.worker(worker).release(claim)

    @rule(which=st.integers(0, 1))
    def lapse(self, which: int) -> None:
        self.harness.lapse(self.job(which))

    @rule(which=st.integers(0, 1))
    def sweep(self, which: int) -> None:
        self.harness.dispatcher.sweep(self.job(which))

    @rule(worker=st.sampled_from(WORKERS))
    def child_dies(self, worker: str) -> None:
        self.harness.worker(worker).expire_own()

    @rule(which=st.integers(0, 1), verb=st.sampled_from(["pause", "resume", "retry", "start"]))
    def steer(self, which: int, verb: str) -> None:
        with suppress(Conflict):
            getattr(self.harness.ledger, verb)(self.jobs[which].id)

    @rule(which=st.integers(0, 1), really=st.integers(0, 5))
    def cancel(self, which: int, really: int) -> None:
        # Seldom, or every run ends with two cancelled jobs.
        if really == 0:
            try:
                self.harness.ledger.cancel(self.jobs[which].id)
            except Conflict:
                assert self.job(which).state is JobState.FINISHED

    @invariant()
    def outcomes_are_counted_once(self) -> None:
        for known in self.jobs:
            job = self.harness.ledger.job(known.id)
            outcomes = self.harness.ledger.results(job.id)
            generations = self.harness.redis.hgetall(keys.job(job.id, "gen"))
            current = [r for r in outcomes if r.generation == int(generations.get(str(r.index).encode(), 0))]
            assert job.ok + job.failed == self.harness.bits(job) == len(current) <= job.total
            assert job.ok == sum(r.ok for r in current)
            failed = {int(i) for i in self.harness.redis.hkeys(keys.job(job.id, "failed"))}
            assert failed == {r.index for r in current if not r.ok}
            if job.state is JobState.FINISHED:
                assert job.done == job.total
            if job.state is JobState.CANCELLED:
                assert self.ended.setdefault(job.id, job.done) == job.done
            log = self.harness.ledger.log(job.id, 0, 1000)
            for results, rows in log:
                ok = [r for r in results if r.ok]
                assert (rows or b"") == b"".join(vector(_item(r)) for r in ok)

    @invariant()
    def nothing_is_out_of_reach(self) -> None:
        """Every item without an outcome is waiting, ready or leased somewhere, in its current generation."""
        for known in self.jobs:
            job = self.harness.ledger.job(known.id)
            if job.state in (JobState.CANCELLED, JobState.FINISHED):
                continue
            redis, reach = self.harness.redis, set()
            chunks = {c.decode() for c in redis.lrange(keys.job(job.id, "todo"), 0, -1)}
            chunks |= {c.decode() for c in redis.zrange(keys.job(job.id, "lease"), 0, -1)}
            for entry in redis.lrange(keys.ready(job.identity, job.lane.value), 0, -1):
                owner, chunk, _ = entry.decode().split()
                if owner == job.id:
                    chunks.add(chunk)
            generations = {int(i): int(g) for i, g in redis.hgetall(keys.job(job.id, "gen")).items()}
            for chunk in chunks:
                for item in unpack_items(redis.get(keys.job(job.id, f"in:{chunk}"))):
                    if item.generation == generations.get(item.index, 0):
                        reach.add(item.index)
            done = {i for i in range(job.total) if redis.getbit(keys.job(job.id, "done"), i)}
            assert reach | done == set(range(job.total)), (job.state, sorted(set(range(job.total)) - reach - done))

    def teardown(self) -> None:
        """From any state, a healthy worker and a dispatcher bring every job to its end."""
        healthy = self.harness.worker("healthy")
        for which, known in enumerate(self.jobs):
            state = self.job(which).state
            if state is JobState.CANCELLED:
                continue
            if state is JobState.PAUSED:
                self.harness.ledger.resume(known.id)
            for _ in range(100):
                self.harness.lapse(known)
                self.harness.dispatcher.sweep(self.job(which))
                self.harness.admit(known)
                self.harness.drain(healthy, known.lane)
                if self.job(which).state is JobState.FINISHED:
                    break
            assert self.job(which).state is JobState.FINISHED
            assert self.job(which).done == known.total == self.harness.bits(known)


def _item(result: ItemResult) -> Item:
    return photos(result.index + 1)[result.index]


@pytest.fixture
def machine(harness: LedgerHarness) -> Iterator[type[LedgerMachine]]:
    LedgerMachine.harness = harness
    yield LedgerMachine
    del LedgerMachine.harness


def check(machine: type[LedgerMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_any_order_of_steps_keeps_the_promises(machine: type[LedgerMachine]) -> None:
    check(machine, examples=25, steps=30)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_many_orders_of_many_steps_keep_the_promises(machine: type[LedgerMachine]) -> None:
    check(machine, examples=400, steps=60)
