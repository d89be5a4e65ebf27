"""Commits: an item's first result counts, once, whoever brings it and however often."""

from __future__ import annotations

import random

from shared.jobs.ledger import keys
from shared.jobs.ledger.claims import Claim, Claims
from shared.jobs.model import Lane
from tests.desk import Desk, answer, failure, vector


def claimed(desk: Desk, count: int = 8, worker: Claims | None = None) -> tuple[str, Claim]:
    job = desk.submit(count)
    desk.admit(job)
    claim = (worker or desk.worker()).claim(Lane.BULK)
    assert claim is not None
    return job.id, claim


def test_a_repeated_commit_counts_once(desk: Desk) -> None:
    job_id, claim = claimed(desk)
    for _ in range(3):
        desk.finish(desk.worker(), claim)
    job = desk.check(desk.ledger.job(job_id))
    assert (job.ok, job.failed, job.duplicates) == (8, 0, 16)


def test_commits_in_any_order_and_number_count_exactly(desk: Desk) -> None:
    job = desk.submit(1000)
    desk.admit(job)
    worker = desk.worker()
    claims = []
    while claim := worker.claim(Lane.BULK):
        claims.append(claim)
    rng = random.Random(7)
    sent = 0
    for claim in rng.choices(claims, k=len(claims)) + claims:
        desk.finish(worker, claim)
        sent += len(claim.items)
    now = desk.check(job)
    assert now.duplicates == sent - 1000


def test_a_late_success_counts_although_the_lease_is_lost(desk: Desk) -> None:
    job_id, claim = claimed(desk)
    desk.lapse(desk.ledger.job(job_id))
    desk.sweep(desk.ledger.job(job_id))
    assert desk.finish(desk.worker(), claim) is False
    again = desk.worker("other").claim(Lane.BULK)
    assert again is None or again.items == ()
    assert desk.check(desk.ledger.job(job_id)).ok == 8


def test_a_late_failure_does_not_count(desk: Desk) -> None:
    job_id, claim = claimed(desk)
    desk.lapse(desk.ledger.job(job_id))
    desk.sweep(desk.ledger.job(job_id))
    assert desk.finish(desk.worker(), claim, bad=range(8)) is False
    assert desk.ledger.job(job_id).done == 0
    desk.drain(desk.worker("other"))
    assert desk.check(desk.ledger.job(job_id)).ok == 8


def test_a_lost_holder_cannot_end_the_new_holders_lease(desk: Desk) -> None:
    job_id, claim = claimed(desk)
    job = desk.ledger.job(job_id)
    desk.lapse(job)
    desk.sweep(job)
    new = desk.worker("new").claim(Lane.BULK)
    assert new is not None
    desk.worker().commit(claim, [], b"", final=True)
    desk.worker().release(claim)
    assert desk.office.leased(job_id) == 1
    desk.finish(desk.worker("new"), new)
    desk.check(job)


def test_nothing_counts_after_a_cancel(desk: Desk) -> None:
    job_id, claim = claimed(desk)
    worker = desk.worker()
    worker.commit(claim, [answer(i) for i in claim.items[:3]], b"", final=False)
    desk.ledger.cancel(job_id)
    desk.finish(worker, claim)
    job = desk.ledger.job(job_id)
    assert (job.state, job.ok, desk.bits(job), len(desk.ledger.results(job_id))) == ("cancelled", 3, 3, 3)


def test_failures_keep_their_reason(desk: Desk) -> None:
    job_id, claim = claimed(desk)
    desk.finish(desk.worker(), claim, bad=[2, 5])
    job = desk.check(desk.ledger.job(job_id))
    assert (job.ok, job.failed) == (6, 2)
    failed = {r.index: r.error_code for r in desk.ledger.results(job_id) if not r.ok}
    assert failed == {2: "truncated", 5: "truncated"}


def test_vectors_stay_with_their_photos_where_only_a_part_counted(desk: Desk) -> None:
    job_id, claim = claimed(desk)
    worker = desk.worker()
    early = [i for i in claim.items if i.index in (1, 4)]
    worker.commit(claim, [answer(i) for i in early], b"".join(vector(i) for i in early), final=False)
    results = [failure(i) if i.index == 6 else answer(i) for i in claim.items]
    worker.commit(claim, results, b"".join(vector(i) for i in claim.items if i.index != 6), final=True)
    found = {}
    for outcomes, rows in desk.ledger.log(job_id, 0, 10):
        ok = [r for r in outcomes if r.ok]
        size = len(rows or b"") // len(ok)
        assert size == 8
        found |= {r.index: (rows or b"")[n * size : (n + 1) * size] for n, r in enumerate(ok)}
    assert found == {i.index: vector(i) for i in claim.items if i.index != 6}


def test_a_finished_job_has_no_lease_and_is_not_active(desk: Desk) -> None:
    job_id, claim = claimed(desk)
    desk.finish(desk.worker(), claim)
    job = desk.ledger.job(job_id)
    assert job.finished is not None
    assert desk.office.leased(job_id) == 0
    assert desk.ledger.active() == []
    assert not desk.redis.exists(keys.held("w1"))


def test_totals_grow_with_what_counted(desk: Desk) -> None:
    _, claim = claimed(desk)
    desk.finish(desk.worker(), claim, bad=[0])
    desk.finish(desk.worker(), claim, bad=[0])
    stats = desk.ledger.stats()
    assert (stats["photos_ok"], stats["photos_failed"]) == (7, 1)
