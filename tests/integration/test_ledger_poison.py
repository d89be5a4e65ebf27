"""What kills workers is found: photos in a dead worker's hands are tried alone, and given up after three deaths."""

from __future__ import annotations

import pytest

from shared.jobs.ledger.dispatcher_ledger import ATTEMPTS
from shared.jobs.ledger.submission import SHARES
from shared.jobs.model import Job, Lane
from tests.ledger_harness import LedgerHarness


def work_until_ended(harness: LedgerHarness, job: Job, killers: set[int], hold: bool) -> tuple[Job, int]:
    """A worker that dies of every claim with a killer in it; how it ended, and the number of deaths."""
    deaths = 0
    for _ in range(400):
        harness.admit(job)
        worker = harness.worker()
        claim = worker.claim(Lane.BULK)
        if claim is None:
            now = harness.ledger.job(job.id)
            if now.state == "finished":
                return now, deaths
            harness.lapse(job)
            harness.sweep(job)
            continue
        if killers & {i.index for i in claim.items}:
            deaths += 1
            if hold:
                # The pipeline notes what it is about to decode, sixteen at a time; the killer is among them.
                group = [i.index for i in claim.items if i.index // 16 in {k // 16 for k in killers}]
                worker.renew([(claim, group)])
            harness.lapse(job)
            harness.sweep(job)
        else:
            harness.finish(worker, claim)
    raise AssertionError("it never ended")


@pytest.mark.parametrize("killers", [{0}, {63}, {17, 18}, {5, 40, 63}])
def test_what_was_in_hand_is_tried_alone(harness: LedgerHarness, killers: set[int]) -> None:
    # So many that the first chunk holds the first 64.
    job = harness.submit(64 * SHARES)
    _, deaths = work_until_ended(harness, job, killers, hold=True)
    harness.check(job)
    assert {r.index for r in harness.ledger.results(job.id) if not r.ok} == killers
    assert {r.error_code for r in harness.ledger.results(job.id) if not r.ok} == {"poison"}
    assert deaths <= 1 + ATTEMPTS * len(killers)


@pytest.mark.parametrize("killers", [{0}, {63}, {20, 21}])
def test_what_left_no_note_is_found_by_halving(harness: LedgerHarness, killers: set[int]) -> None:
    job = harness.submit(64)
    now, _ = work_until_ended(harness, job, killers, hold=False)
    harness.check(job)
    assert {r.index for r in harness.ledger.results(job.id) if not r.ok} == killers
    assert now.failed == len(killers)


def test_a_photo_that_only_stood_beside_it_is_not_blamed(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    worker.renew([(claim, [2, 3])])
    harness.lapse(job)
    harness.sweep(job)
    alone = [c for _ in range(10) if (c := worker.claim(Lane.BULK))]
    assert [(len(c.items), c.alone) for c in alone] == [(1, True), (1, True), (6, False)]
    for c in alone:
        harness.finish(worker, c)
    assert harness.check(job).ok == 8


def test_a_single_photo_is_not_given_up_for_outages_alone(harness: LedgerHarness) -> None:
    # Three lapses without a note: the worker or the network died, it was never in anybody's hands.
    job = harness.submit(1)
    for _ in range(ATTEMPTS):
        harness.admit(job)
        assert harness.worker().claim(Lane.BULK) is not None
        harness.lapse(job)
        harness.sweep(job)
    claim = harness.worker().claim(Lane.BULK)
    assert claim is not None
    assert claim.alone
    harness.finish(harness.worker(), claim)
    assert harness.check(job).ok == 1


def test_a_late_result_of_a_suspect_still_counts(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    slow = harness.worker("slow")
    claim = slow.claim(Lane.BULK)
    assert claim is not None
    slow.renew([(claim, [0, 1])])
    harness.lapse(job)
    harness.sweep(job)
    harness.finish(slow, claim)
    assert harness.check(job).ok == 8
    assert all(c.items == () for c in harness.drain(harness.worker("other")))
