"""Cancel, pause, resume, retry and a time to start: what each changes, and what it refuses."""

from __future__ import annotations

import time

import pytest

from shared.core.errors import Conflict
from shared.jobs.model import Lane
from tests.desk import Desk, answer, photos, spec


def test_a_cancelled_job_hands_out_nothing_more(desk: Desk) -> None:
    job = desk.submit(200)
    desk.admit(job, 2)
    assert desk.ledger.cancel(job.id).state == "cancelled"
    assert desk.worker().claim(Lane.BULK) is None
    assert desk.admit(job) == 0
    assert desk.ledger.active() == []
    assert desk.ledger.cancel(job.id).state == "cancelled"


def test_a_finished_job_cannot_be_cancelled_paused_or_resumed(desk: Desk) -> None:
    job = desk.submit(8, lane=Lane.INTERACTIVE)
    desk.drain(desk.worker(), Lane.INTERACTIVE)
    for call in (desk.ledger.cancel, desk.ledger.pause, desk.ledger.resume):
        with pytest.raises(Conflict):
            call(job.id)


def test_a_paused_job_ends_what_is_begun_and_goes_on_when_resumed(desk: Desk) -> None:
    job = desk.submit(200)
    desk.admit(job)
    worker = desk.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    assert desk.ledger.pause(job.id).state == "paused"
    desk.finish(worker, claim)
    assert worker.claim(Lane.BULK) is None
    assert desk.ledger.job(job.id).ok == len(claim.items)
    assert desk.ledger.resume(job.id).state == "running"
    desk.admit(job)
    desk.drain(worker)
    desk.check(job)


def test_a_pause_during_the_last_chunk_does_not_keep_the_job_from_finishing(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    claim = desk.worker().claim(Lane.BULK)
    assert claim is not None
    desk.ledger.pause(job.id)
    desk.finish(desk.worker(), claim)
    desk.check(job)


def test_a_paused_jobs_dead_worker_loses_nothing(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    desk.worker().claim(Lane.BULK)
    desk.ledger.pause(job.id)
    desk.lapse(job)
    desk.sweep(job)
    assert desk.worker().claim(Lane.BULK) is None
    desk.ledger.resume(job.id)
    desk.admit(job)
    desk.drain(desk.worker())
    desk.check(job)


def test_a_scheduled_job_waits_for_its_time(desk: Desk) -> None:
    job = desk.ledger.submit(spec(not_before=time.time() + 3600), photos(8))
    assert job.state == "scheduled"
    assert desk.admit(job) == 0
    with pytest.raises(Conflict):
        desk.ledger.pause(job.id)
    assert desk.ledger.start(job.id).state == "queued"
    desk.admit(job)
    desk.drain(desk.worker())
    desk.check(job)


def test_a_scheduled_folder_is_listed_when_its_time_comes(desk: Desk) -> None:
    job = desk.ledger.submit_folder(spec(kind="folder", path="/p", not_before=time.time() + 3600))
    assert job.state == "scheduled"
    assert desk.ledger.start(job.id).state == "listing"
    # One whose time is past starts at once.
    assert desk.ledger.submit_folder(spec(kind="folder", path="/p", not_before=1.0)).state == "listing"


def test_retry_sends_only_the_failed_round_again(desk: Desk) -> None:
    job = desk.submit(100)
    desk.admit(job)
    desk.drain(desk.worker(), bad=[3, 50, 99])
    assert desk.check(job).failed == 3
    again = desk.ledger.retry(job.id)
    assert (again.state, again.ok, again.failed, again.total) == ("queued", 97, 0, 100)
    desk.admit(job)
    claims = desk.drain(desk.worker(), bad=[50])
    assert [(i.index, i.generation) for c in claims for i in c.items] == [(3, 1), (50, 1), (99, 1)]
    assert (desk.check(job).ok, desk.check(job).failed) == (99, 1)
    desk.ledger.retry(job.id)
    desk.admit(job)
    assert [(i.index, i.generation) for c in desk.drain(desk.worker()) for i in c.items] == [(50, 2)]
    now = desk.check(job)
    assert (now.ok, now.failed, now.duplicates) == (100, 0, 0)
    with pytest.raises(Conflict):
        desk.ledger.retry(job.id)


def test_a_late_commit_of_the_old_generation_cannot_win(desk: Desk) -> None:
    job = desk.submit(8)
    desk.admit(job)
    worker = desk.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    desk.finish(worker, claim, bad=[1])
    desk.ledger.retry(job.id)
    worker.commit(claim, [answer(claim.items[1])], b"", final=True)
    assert desk.ledger.job(job.id).ok == 7
    desk.admit(job)
    desk.drain(worker)
    (one,) = [r for r in desk.ledger.results(job.id) if r.index == 1]
    assert (one.ok, one.generation) == (True, 1)
    assert desk.check(job).duplicates == 1


def test_a_retry_while_the_job_still_runs(desk: Desk) -> None:
    job = desk.submit(100)
    desk.admit(job, 1)
    worker = desk.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    desk.finish(worker, claim, bad=[0])
    desk.ledger.retry(job.id)
    desk.admit(job)
    desk.drain(worker)
    assert desk.check(job).ok == 100


def test_a_cancelled_job_is_not_retried(desk: Desk) -> None:
    job = desk.submit(100)
    desk.admit(job, 1)
    claim = desk.worker().claim(Lane.BULK)
    assert claim is not None
    desk.finish(desk.worker(), claim, bad=[0])
    desk.ledger.cancel(job.id)
    with pytest.raises(Conflict):
        desk.ledger.retry(job.id)


def test_jobs_are_listed_newest_first_and_in_pages(desk: Desk) -> None:
    made = []
    for n in range(5):
        made.append(desk.submit(1, f"job {n}").id)
        # The order is that of creation, to the millisecond.
        time.sleep(0.002)
    desk.submit(1, lane=Lane.INTERACTIVE, kind="classify")
    first = desk.ledger.jobs(limit=3)
    rest = desk.ledger.jobs(limit=3, before=first[-1].created)
    assert [j.id for j in first + rest] == made[::-1]
