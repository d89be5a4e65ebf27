"""What kills workers is found: photos in a dead worker's hands are tried alone, and given up after three deaths."""

from __future__ import annotations

import pytest

from shared.jobs.ledger.dispatcher_ledger import ATTEMPTS
from shared.jobs.ledger.submission import SHARES
from shared.jobs.model import Job, Lane
from tests.desk import Desk


def work_until_ended(desk: Desk, job: Job, killers: set[int], hold: bool) -> tuple[Job, int]:
    """A worker that dies of every claim with a killer in it; how it ended, and the number of deaths."""
    deaths = 0
    for _ in range(400):
        desk.admit(job)
        worker = desk.worker()
        claim = worker.claim(Lane.BULK)
        if claim is None:
            now = desk.ledger.job(job.id)
            if now.state == "finished":
                return now, deaths
            desk.lapse(job)
            desk.sweep(job)
            continue
        if killers & {i.index for i in claim.items}:
            deaths += 1
            if hold:
                # The pipeline notes what it is about to decode, sixteen at a time; the killer is among them.
                group = [i.index for i in claim.items if i.index // 16 in {k // 16 for k in killers}]
                worker.renew([(claim, group)])
            desk.lapse(job)
            desk.sweep(job)
        else:
            desk.finish(worker, claim)
    raise AssertionError("it never ended")


@pytest.mark.parametrize("killers", [{0}, {63}, {17, 18}, {5, 40, 63}])
def test_what_was_in_hand_is_tried_alone(desk: Desk, killers: set[int]) -> None:
    # So many that the first chunk holds the first 64.
    job = desk.submit(64 * SHARES)
    _, deaths = work_until_ended(desk, job, killers, hold=True)
    desk.check(job)
    assert {r.index for r in desk.ledger.results(job.id) if not r.ok} == killers
    assert {r.error_code for r in desk.ledger.results(job.id) if not r.ok} == {"poison"}
    assert deaths <= 1 + ATTEMPTS * len(killers)


@pytest.mark.parametrize("killers", [{0}, {63}, {20, 21}])
def test_what_left_no_note_is_found_by_halving(desk: Desk, killers: set[int]) -> None:
    job = desk.submit(64)
    now, _ = work_until_ended(desk, job, killers, hold=False)
    desk.check(job)
    assert {r.index for r in desk.ledger.results(job.id) if not r.ok} == killers
    assert now.failed == len(killers)


def test_a_photo_that_only_stood_beside_it_is_not_blamed(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    worker = desk.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    worker.renew([(claim, [2, 3])])
    desk.lapse(job)
    desk.sweep(job)
    alone = [c for _ in range(10) if (c := worker.claim(Lane.BULK))]
    assert [(len(c.items), c.alone) for c in alone] == [(1, True), (1, True), (6, False)]
    for c in alone:
        desk.finish(worker, c)
    assert desk.check(job).ok == 8


def test_a_single_photo_is_not_given_up_for_outages_alone(desk: Desk) -> None:
    # Three lapses without a note: the worker or the network died, it was never in anybody's hands.
    job = desk.submit(1)
    for _ in range(ATTEMPTS):
        desk.admit(job)
        assert desk.worker().claim(Lane.BULK) is not None
        desk.lapse(job)
        desk.sweep(job)
    claim = desk.worker().claim(Lane.BULK)
    assert claim is not None
    assert claim.alone
    desk.finish(desk.worker(), claim)
    assert desk.check(job).ok == 1


def test_a_late_result_of_a_suspect_still_counts(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    slow = desk.worker("slow")
    claim = slow.claim(Lane.BULK)
    assert claim is not None
    slow.renew([(claim, [0, 1])])
    desk.lapse(job)
    desk.sweep(job)
    desk.finish(slow, claim)
    assert desk.check(job).ok == 8
    assert all(c.items == () for c in desk.drain(desk.worker("other")))
