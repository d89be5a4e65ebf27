"""Commits: an item's first result counts, once, whoever brings it and however often."""

from __future__ import annotations

import random

from shared.jobs.ledger import keys
from shared.jobs.ledger.claims import Claim, Claims
from shared.jobs.model import Lane
from tests.ledger_harness import LedgerHarness, answer, failure, vector


def claimed(harness: LedgerHarness, count: int = 8, worker: Claims | None = None) -> tuple[str, Claim]:
    job = harness.submit(count)
    harness.admit(job)
    claim = (worker or harness.worker()).claim(Lane.BULK)
    assert claim is not None
    return job.id, claim


def test_a_repeated_commit_counts_once(harness: LedgerHarness) -> None:
    job_id, claim = claimed(harness)
    for _ in range(3):
        harness.finish(harness.worker(), claim)
    job = harness.check(harness.ledger.job(job_id))
    assert (job.ok, job.failed, job.duplicates) == (8, 0, 16)


def test_commits_in_any_order_and_number_count_exactly(harness: LedgerHarness) -> None:
    job = harness.submit(1000)
    harness.admit(job)
    worker = harness.worker()
    claims = []
    while claim := worker.claim(Lane.BULK):
        claims.append(claim)
    rng = random.Random(7)
    sent = 0
    for claim in rng.choices(claims, k=len(claims)) + claims:
        harness.finish(worker, claim)
        sent += len(claim.items)
    now = harness.check(job)
    assert now.duplicates == sent - 1000


def test_a_late_success_counts_although_the_lease_is_lost(harness: LedgerHarness) -> None:
    job_id, claim = claimed(harness)
    harness.lapse(harness.ledger.job(job_id))
    harness.sweep(harness.ledger.job(job_id))
    assert harness.finish(harness.worker(), claim) is False
    again = harness.worker("other").claim(Lane.BULK)
    assert again is None or again.items == ()
    assert harness.check(harness.ledger.job(job_id)).ok == 8


def test_a_late_failure_does_not_count(harness: LedgerHarness) -> None:
    job_id, claim = claimed(harness)
    harness.lapse(harness.ledger.job(job_id))
    harness.sweep(harness.ledger.job(job_id))
    assert harness.finish(harness.worker(), claim, bad=range(8)) is False
    assert harness.ledger.job(job_id).done == 0
    harness.drain(harness.worker("other"))
    assert harness.check(harness.ledger.job(job_id)).ok == 8


def test_a_lost_holder_cannot_end_the_new_holders_lease(harness: LedgerHarness) -> None:
    job_id, claim = claimed(harness)
    job = harness.ledger.job(job_id)
    harness.lapse(job)
    harness.sweep(job)
    new = harness.worker("new").claim(Lane.BULK)
    assert new is not None
    harness.worker().commit(claim, [], b"", final=True)
    harness.worker().release(claim)
    assert harness.leased(job_id) == 1
    harness.finish(harness.worker("new"), new)
    harness.check(job)


def test_nothing_counts_after_a_cancel(harness: LedgerHarness) -> None:
    job_id, claim = claimed(harness)
    worker = harness.worker()
    worker.commit(claim, [answer(i) for i in claim.items[:3]], b"", final=False)
    harness.ledger.cancel(job_id)
    harness.finish(worker, claim)
    job = harness.ledger.job(job_id)
    assert (job.state, job.ok, harness.bits(job), len(harness.ledger.results(job_id))) == ("cancelled", 3, 3, 3)


def test_failures_keep_their_reason(harness: LedgerHarness) -> None:
    job_id, claim = claimed(harness)
    harness.finish(harness.worker(), claim, bad=[2, 5])
    job = harness.check(harness.ledger.job(job_id))
    assert (job.ok, job.failed) == (6, 2)
    failed = {r.index: r.error_code for r in harness.ledger.results(job_id) if not r.ok}
    assert failed == {2: "truncated", 5: "truncated"}


def test_vectors_stay_with_their_photos_where_only_a_part_counted(harness: LedgerHarness) -> None:
    job_id, claim = claimed(harness)
    worker = harness.worker()
    early = [i for i in claim.items if i.index in (1, 4)]
    worker.commit(claim, [answer(i) for i in early], b"".join(vector(i) for i in early), final=False)
    results = [failure(i) if i.index == 6 else answer(i) for i in claim.items]
    worker.commit(claim, results, b"".join(vector(i) for i in claim.items if i.index != 6), final=True)
    found = {}
    for outcomes, rows in harness.ledger.log(job_id, 0, 10):
        ok = [r for r in outcomes if r.ok]
        size = len(rows or b"") // len(ok)
        assert size == 8
        found |= {r.index: (rows or b"")[n * size : (n + 1) * size] for n, r in enumerate(ok)}
    assert found == {i.index: vector(i) for i in claim.items if i.index != 6}


def test_a_finished_job_has_no_lease_and_is_not_active(harness: LedgerHarness) -> None:
    job_id, claim = claimed(harness)
    harness.finish(harness.worker(), claim)
    job = harness.ledger.job(job_id)
    assert job.finished is not None
    assert harness.leased(job_id) == 0
    assert harness.ledger.active() == []
    assert not harness.redis.exists(keys.held("w1"))


def test_totals_grow_with_what_counted(harness: LedgerHarness) -> None:
    _, claim = claimed(harness)
    harness.finish(harness.worker(), claim, bad=[0])
    harness.finish(harness.worker(), claim, bad=[0])
    stats = harness.ledger.stats()
    assert (stats["photos_ok"], stats["photos_failed"]) == (7, 1)
