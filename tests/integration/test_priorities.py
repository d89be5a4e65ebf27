"""Priorities: shares of the next chunks, in which no job starves, and every photo has exactly one outcome."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import pytest

from shared.core.errors import Conflict, NotFound
from shared.jobs.ledger import keys
from shared.jobs.model import Job, Lane, Priority
from tests.ledger_harness import LedgerHarness


def served(harness: LedgerHarness, jobs: list[Job], chunks: int) -> list[str]:
    """Whose chunks one worker gets, with one chunk admitted ahead, in the order that admission gives."""
    harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], 1)
    worker = harness.worker()
    order: list[str] = []
    for _ in range(chunks):
        claim = worker.claim(Lane.BULK)
        assert claim is not None
        order.append(claim.job)
        harness.finish(worker, claim)
    return order


def longest_wait(order: list[str], job: Job) -> int:
    """Chunks of others in a row."""
    return max((len(list(run)) for own, run in groupby(order, lambda other: other == job.id) if not own), default=0)


def test_shares_of_three_priorities(harness: LedgerHarness) -> None:
    jobs = [harness.submit(8000, priority.value) for priority in Priority]
    for job, priority in zip(jobs, Priority, strict=True):
        assert harness.ledger.prioritise(job.id, priority).priority is priority
    order = served(harness, jobs, 100)
    counts = Counter(order)
    high, normal, low = jobs
    assert (counts[high.id], counts[normal.id], counts[low.id]) == (75, 20, 5)
    # Nobody waits without end.
    assert longest_wait(order, normal) <= 5
    assert longest_wait(order, low) <= 20


def test_jobs_of_one_priority_take_turns(harness: LedgerHarness) -> None:
    jobs = [harness.submit(4000, name) for name in "abcd"]
    for job in jobs[:2]:
        harness.ledger.prioritise(job.id, Priority.HIGH)
    counts = Counter(served(harness, jobs, 100))
    assert abs(counts[jobs[0].id] - counts[jobs[1].id]) <= 1
    assert abs(counts[jobs[2].id] - counts[jobs[3].id]) <= 1
    assert counts[jobs[2].id] + counts[jobs[3].id] == 20


def test_without_priorities_nothing_is_counted(harness: LedgerHarness) -> None:
    jobs = [harness.submit(2000, name) for name in "ab"]
    counts = Counter(served(harness, jobs, 20))
    assert abs(counts[jobs[0].id] - counts[jobs[1].id]) <= 1
    assert not harness.redis.exists(keys.turn(jobs[0].identity, "bulk"))


def test_a_job_that_is_raised_has_the_next_turn(harness: LedgerHarness) -> None:
    jobs = [harness.submit(4000, name) for name in "abcde"]
    served(harness, jobs, 3)
    harness.ledger.prioritise(jobs[4].id, Priority.HIGH)
    order = served(harness, jobs, 6)
    # What was admitted before stays where it is.
    assert jobs[4].id in order[:3]
    assert Counter(order)[jobs[4].id] >= 4


def test_a_job_alone_gets_everything_whatever_its_priority(harness: LedgerHarness) -> None:
    job = harness.submit(500)
    harness.ledger.prioritise(job.id, Priority.LOW)
    harness.admit(job, 2)
    harness.drain(harness.worker())
    harness.check(job)


def test_changes_while_chunks_are_in_hand_lose_and_repeat_nothing(harness: LedgerHarness) -> None:
    jobs = [harness.submit(700, name) for name in "abc"]
    workers = [harness.worker(f"w{n}") for n in range(3)]
    levels = list(Priority)
    for step in range(400):
        harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in harness.ledger.active()], 6)
        claims = [(worker, worker.claim(Lane.BULK)) for worker in workers]
        if not any(claim for _, claim in claims) and not harness.ledger.active():
            break
        for job in harness.ledger.active():
            harness.ledger.prioritise(job.id, levels[(step + len(job.name)) % 3])
        if step % 7 == 3 and (moving := harness.ledger.active()):
            harness.ledger.pause(moving[0].id)
            harness.dispatcher.withdraw(harness.ledger.job(moving[0].id))
            harness.ledger.resume(moving[0].id)
        for worker, claim in claims:
            if claim is not None:
                harness.finish(worker, claim)
    for job in jobs:
        harness.check(job)
    assert not harness.redis.keys("weft:rota:*")


def test_ended_jobs_have_no_priority_to_change(harness: LedgerHarness) -> None:
    job = harness.submit(3)
    harness.admit(job)
    harness.drain(harness.worker())
    with pytest.raises(Conflict):
        harness.ledger.prioritise(job.id, Priority.HIGH)
    with pytest.raises(NotFound):
        harness.ledger.prioritise("nowhere", Priority.HIGH)


def test_a_renamed_job_and_one_that_is_not_there(harness: LedgerHarness) -> None:
    job = harness.submit(3)
    assert harness.ledger.rename(job.id, "Herbst 秋").name == "Herbst 秋"
    assert [found.name for found in harness.ledger.jobs()] == ["Herbst 秋"]
    with pytest.raises(NotFound):
        harness.ledger.rename("nowhere", "x")
    assert not harness.redis.exists(keys.job("nowhere", "meta"))
