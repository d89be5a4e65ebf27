"""Claims and leases: one holder at a time, oldest first, nothing lost when a holder dies, drains or sleeps."""

from __future__ import annotations

import pytest

from shared.core.errors import Unavailable
from shared.jobs.ledger import keys
from shared.jobs.model import Lane
from tests.ledger_harness import LedgerHarness, answer


def test_every_chunk_has_one_holder(harness: LedgerHarness) -> None:
    job = harness.submit(300)
    harness.admit(job)
    first, second = harness.worker("w1"), harness.worker("w2")
    claims = [c for _ in range(20) for w in (first, second) if (c := w.claim(Lane.BULK))]
    indexes = [item.index for claim in claims for item in claim.items]
    assert sorted(indexes) == list(range(300))
    assert harness.leased(job.id) == len(claims)


def test_a_worker_with_another_encoder_gets_nothing(harness: LedgerHarness) -> None:
    harness.admit(harness.submit(10))
    assert harness.worker(identity="0123012301230123").claim(Lane.BULK) is None
    assert harness.worker().claim(Lane.INTERACTIVE) is None


def test_a_claim_says_what_to_work_with(harness: LedgerHarness) -> None:
    job = harness.submit(10, preset="precise", bank="b7")
    harness.admit(job)
    claim = harness.worker().claim(Lane.BULK)
    assert claim is not None
    assert (claim.job, claim.bank, claim.preset, claim.lane, claim.alone) == (job.id, "b7", "precise", Lane.BULK, False)
    now = harness.ledger.job(job.id)
    assert now.state == "running"
    assert now.started is not None


def test_a_lapsed_lease_goes_to_another(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    dead, alive = harness.worker("dead", lease=0.001), harness.worker("alive")
    lost = dead.claim(Lane.BULK)
    harness.lapse(job)
    assert harness.sweep(job) == 1
    taken = alive.claim(Lane.BULK)
    assert lost is not None
    assert taken is not None
    assert taken.items == lost.items
    assert taken.token > lost.token
    assert dead.renew([(lost, ())]) == [False]
    assert alive.renew([(taken, ())]) == [True]


def test_a_lease_that_runs_is_left_alone(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    harness.worker().claim(Lane.BULK)
    assert harness.sweep(job) == 0


def test_a_renewed_lease_does_not_lapse(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    harness.lapse(job)
    assert worker.renew([(claim, ())]) == [True]
    assert harness.sweep(job) == 0


def test_a_chunk_handed_back_is_first_in_line_and_not_charged(harness: LedgerHarness) -> None:
    job = harness.submit(200)
    harness.admit(job)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    worker.release(claim)
    worker.release(claim)  # the answer to the first was lost
    again = worker.claim(Lane.BULK)
    assert again is not None
    assert (again.chunk, again.attempt) == (claim.chunk, 1)
    harness.finish(worker, again)
    harness.drain(worker)
    harness.check(job)


def test_what_is_done_is_not_claimed_again(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    worker.commit(claim, [answer(i) for i in claim.items[:5]], b"", final=False)
    worker.release(claim)
    again = worker.claim(Lane.BULK)
    assert again is not None
    assert again.items == claim.items[5:]


def test_a_new_child_frees_what_the_dead_one_held(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    dead = harness.worker("same")
    dead.claim(Lane.BULK)
    assert harness.worker("other").expire_own() == 0
    assert harness.sweep(job) == 0
    assert harness.worker("same").expire_own() == 1
    assert harness.sweep(job) == 1
    harness.drain(harness.worker())
    harness.check(job)


def test_what_another_took_over_is_not_freed(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    harness.worker("slow").claim(Lane.BULK)
    harness.lapse(job)
    harness.sweep(job)
    assert harness.worker("quick").claim(Lane.BULK) is not None
    assert harness.worker("slow").expire_own() == 0
    assert harness.sweep(job) == 0


def test_an_entry_that_was_admitted_twice_is_worked_once(harness: LedgerHarness) -> None:
    job = harness.submit(8, lane=Lane.INTERACTIVE)
    ready = keys.ready(job.identity, "interactive")
    (entry,) = harness.redis.lrange(ready, 0, -1)
    harness.redis.rpush(ready, entry)
    harness.drain(harness.worker(), Lane.INTERACTIVE)
    assert harness.check(job).duplicates == 0


def test_a_full_ledger_hands_out_nothing(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    harness.redis.config_set("maxmemory", "1mb")
    try:
        for _ in range(5):
            with pytest.raises(Unavailable, match="full"):
                harness.worker().claim(Lane.BULK)
    finally:
        harness.redis.config_set("maxmemory", "0")
    claim = harness.worker().claim(Lane.BULK)
    assert claim is not None
    assert claim.attempt == 1
    assert len(claim.items) == 8


def test_a_chunk_that_is_listed_twice_leaves_nothing_with_its_first_holder(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    ready = keys.ready(job.identity, Lane.BULK.value)
    harness.redis.rpush(ready, harness.redis.lindex(ready, 0))
    first, second = harness.worker("first"), harness.worker("second")
    one, two = first.claim(Lane.BULK), second.claim(Lane.BULK)
    assert one is not None
    assert two is not None
    assert one.chunk == two.chunk
    assert harness.redis.smembers(keys.held("first")) == set()
    assert harness.finish(second, two)
    harness.check(job)
    harness.dispatcher.remove(job.id)
