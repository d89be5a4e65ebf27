"""Claims and leases: one holder at a time, oldest first, nothing lost when a holder dies, drains or sleeps."""

from __future__ import annotations

import pytest

from shared.core.errors import Unavailable
from shared.jobs.ledger import keys
from shared.jobs.model import Lane
from tests.desk import Desk, answer


def test_every_chunk_has_one_holder(desk: Desk) -> None:
    job = desk.submit(300)
    desk.admit(job)
    first, second = desk.worker("w1"), desk.worker("w2")
    claims = [c for _ in range(20) for w in (first, second) if (c := w.claim(Lane.BULK))]
    indexes = [item.index for claim in claims for item in claim.items]
    assert sorted(indexes) == list(range(300))
    assert desk.office.leased(job.id) == len(claims)


def test_a_worker_with_another_encoder_gets_nothing(desk: Desk) -> None:
    desk.admit(desk.submit(10))
    assert desk.worker(identity="0123012301230123").claim(Lane.BULK) is None
    assert desk.worker().claim(Lane.INTERACTIVE) is None


def test_a_claim_says_what_to_work_with(desk: Desk) -> None:
    job = desk.submit(10, preset="precise", bank="b7")
    desk.admit(job)
    claim = desk.worker().claim(Lane.BULK)
    assert claim is not None
    assert (claim.job, claim.bank, claim.preset, claim.lane, claim.alone) == (job.id, "b7", "precise", Lane.BULK, False)
    now = desk.ledger.job(job.id)
    assert now.state == "running"
    assert now.started is not None


def test_a_lapsed_lease_goes_to_another(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    dead, alive = desk.worker("dead", lease=0.001), desk.worker("alive")
    lost = dead.claim(Lane.BULK)
    desk.lapse(job)
    assert desk.sweep(job) == 1
    taken = alive.claim(Lane.BULK)
    assert lost is not None
    assert taken is not None
    assert taken.items == lost.items
    assert taken.token > lost.token
    assert dead.renew([(lost, ())]) == [False]
    assert alive.renew([(taken, ())]) == [True]


def test_a_lease_that_runs_is_left_alone(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    desk.worker().claim(Lane.BULK)
    assert desk.sweep(job) == 0


def test_a_renewed_lease_does_not_lapse(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    worker = desk.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    desk.lapse(job)
    assert worker.renew([(claim, ())]) == [True]
    assert desk.sweep(job) == 0


def test_a_chunk_handed_back_is_first_in_line_and_not_charged(desk: Desk) -> None:
    job = desk.submit(200)
    desk.admit(job)
    worker = desk.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    worker.release(claim)
    worker.release(claim)  # the answer to the first was lost
    again = worker.claim(Lane.BULK)
    assert again is not None
    assert (again.chunk, again.attempt) == (claim.chunk, 1)
    desk.finish(worker, again)
    desk.drain(worker)
    desk.check(job)


def test_what_is_done_is_not_claimed_again(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    worker = desk.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    worker.commit(claim, [answer(i) for i in claim.items[:5]], b"", final=False)
    worker.release(claim)
    again = worker.claim(Lane.BULK)
    assert again is not None
    assert again.items == claim.items[5:]


def test_a_new_child_frees_what_the_dead_one_held(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    dead = desk.worker("same")
    dead.claim(Lane.BULK)
    assert desk.worker("other").expire_own() == 0
    assert desk.sweep(job) == 0
    assert desk.worker("same").expire_own() == 1
    assert desk.sweep(job) == 1
    desk.drain(desk.worker())
    desk.check(job)


def test_what_another_took_over_is_not_freed(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    desk.worker("slow").claim(Lane.BULK)
    desk.lapse(job)
    desk.sweep(job)
    assert desk.worker("quick").claim(Lane.BULK) is not None
    assert desk.worker("slow").expire_own() == 0
    assert desk.sweep(job) == 0


def test_an_entry_that_was_admitted_twice_is_worked_once(desk: Desk) -> None:
    job = desk.submit(8, lane=Lane.INTERACTIVE)
    ready = keys.ready(job.identity, "interactive")
    (entry,) = desk.redis.lrange(ready, 0, -1)
    desk.redis.rpush(ready, entry)
    desk.drain(desk.worker(), Lane.INTERACTIVE)
    assert desk.check(job).duplicates == 0


def test_a_full_ledger_hands_out_nothing(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    desk.redis.config_set("maxmemory", "1mb")
    try:
        for _ in range(5):
            with pytest.raises(Unavailable, match="full"):
                desk.worker().claim(Lane.BULK)
    finally:
        desk.redis.config_set("maxmemory", "0")
    claim = desk.worker().claim(Lane.BULK)
    assert claim is not None
    assert claim.attempt == 1
    assert len(claim.items) == 8
