"""Jobs take turns: a night's job does not keep a later one out, and only so much is admitted at once."""

from __future__ import annotations

from collections import Counter

from shared.jobs.ledger import keys
from shared.jobs.model import Lane
from tests.ledger_harness import LedgerHarness


def ready(harness: LedgerHarness, identity: str) -> list[str]:
    return [e.decode().split()[0] for e in harness.redis.lrange(keys.ready(identity, "bulk"), 0, -1)]


def test_only_so_much_is_admitted(harness: LedgerHarness) -> None:
    job = harness.submit(1000)
    assert harness.admit(job, 4) == 4
    assert harness.dispatcher.waiting(job.identity, "bulk") == 4


def test_an_ended_chunk_makes_room_for_the_next(harness: LedgerHarness) -> None:
    job = harness.submit(1000)
    harness.admit(job, 2)
    worker = harness.worker()
    while claim := worker.claim(Lane.BULK):
        harness.finish(worker, claim)
        assert harness.dispatcher.waiting(job.identity, "bulk") <= 2
    harness.check(job)


def test_a_later_job_does_not_wait_for_the_nights(harness: LedgerHarness) -> None:
    night = harness.submit(2000, "night")
    harness.admit(night, 4)
    worker = harness.worker()
    for _ in range(3):
        claim = worker.claim(Lane.BULK)
        assert claim is not None
        harness.finish(worker, claim)
    late = harness.submit(500, "late")
    harness.admit(late, 1)
    # From here on both have chunks left and share: neither gets two more than the other over any stretch.
    served: list[str] = []
    while harness.ledger.job(late.id).state != "finished":
        claim = worker.claim(Lane.BULK)
        assert claim is not None
        served.append(claim.job)
        harness.finish(worker, claim)
    assert Counter(served)[night.id] <= Counter(served)[late.id] + 6
    harness.drain(worker)
    harness.check(night)
    harness.check(late)


def test_a_paused_job_loses_its_turn_and_gets_it_back(harness: LedgerHarness) -> None:
    one, two = harness.submit(300, "one"), harness.submit(300, "two")
    harness.admit(one, 1)
    harness.admit(two, 1)
    harness.ledger.pause(one.id)
    harness.admit(two, 1)
    served = harness.drain(harness.worker())
    assert {claim.job for claim in served} == {two.id}
    harness.check(two)
    harness.ledger.resume(one.id)
    harness.admit(one, 1)
    harness.drain(harness.worker())
    harness.check(one)


def test_the_queue_shows_what_waits(harness: LedgerHarness) -> None:
    job = harness.submit(200)
    harness.admit(job, 3)
    queue = harness.ledger.queue()
    assert (queue["bulk"]["ready"], queue["bulk"]["photos"]) == (3, 200)
    assert 0 <= queue["bulk"]["oldest"] < 60
    assert queue["interactive"] == {"ready": 0, "oldest": None, "photos": 0}
