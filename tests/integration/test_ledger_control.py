"""Cancel, pause, resume, retry and a time to start: what each changes, and what it refuses."""

from __future__ import annotations

import time

import pytest

from shared.core.errors import Conflict
from shared.jobs.model import Lane
from tests.ledger_harness import LedgerHarness, answer, photos, spec


def test_a_cancelled_job_hands_out_nothing_more(harness: LedgerHarness) -> None:
    job = harness.submit(200)
    harness.admit(job, 2)
    assert harness.ledger.cancel(job.id).state == "cancelled"
    assert harness.worker().claim(Lane.BULK) is None
    assert harness.admit(job) == 0
    assert harness.ledger.active() == []
    assert harness.ledger.cancel(job.id).state == "cancelled"


def test_a_finished_job_cannot_be_cancelled_paused_or_resumed(harness: LedgerHarness) -> None:
    job = harness.submit(8, lane=Lane.INTERACTIVE)
    harness.drain(harness.worker(), Lane.INTERACTIVE)
    for call in (harness.ledger.cancel, harness.ledger.pause, harness.ledger.resume):
        with pytest.raises(Conflict):
            call(job.id)


def test_a_paused_job_ends_what_is_begun_and_goes_on_when_resumed(harness: LedgerHarness) -> None:
    job = harness.submit(200)
    harness.admit(job)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    assert harness.ledger.pause(job.id).state == "paused"
    harness.finish(worker, claim)
    assert worker.claim(Lane.BULK) is None
    assert harness.ledger.job(job.id).ok == len(claim.items)
    assert harness.ledger.resume(job.id).state == "running"
    harness.admit(job)
    harness.drain(worker)
    harness.check(job)


def test_a_pause_during_the_last_chunk_does_not_keep_the_job_from_finishing(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    claim = harness.worker().claim(Lane.BULK)
    assert claim is not None
    harness.ledger.pause(job.id)
    harness.finish(harness.worker(), claim)
    harness.check(job)


def test_a_paused_jobs_dead_worker_loses_nothing(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    harness.worker().claim(Lane.BULK)
    harness.ledger.pause(job.id)
    harness.lapse(job)
    harness.sweep(job)
    assert harness.worker().claim(Lane.BULK) is None
    harness.ledger.resume(job.id)
    harness.admit(job)
    harness.drain(harness.worker())
    harness.check(job)


def test_a_scheduled_job_waits_for_its_time(harness: LedgerHarness) -> None:
    job = harness.ledger.submit(spec(not_before=time.time() + 3600), photos(8))
    assert job.state == "scheduled"
    assert harness.admit(job) == 0
    with pytest.raises(Conflict):
        harness.ledger.pause(job.id)
    assert harness.ledger.start(job.id).state == "queued"
    harness.admit(job)
    harness.drain(harness.worker())
    harness.check(job)


def test_a_scheduled_folder_is_listed_when_its_time_comes(harness: LedgerHarness) -> None:
    job = harness.ledger.submit_folder(spec(kind="folder", path="/p", not_before=time.time() + 3600))
    assert job.state == "scheduled"
    assert harness.ledger.start(job.id).state == "listing"
    # One whose time is past starts at once.
    assert harness.ledger.submit_folder(spec(kind="folder", path="/p", not_before=1.0)).state == "listing"


def test_retry_sends_only_the_failed_round_again(harness: LedgerHarness) -> None:
    job = harness.submit(100)
    harness.admit(job)
    harness.drain(harness.worker(), bad=[3, 50, 99])
    assert harness.check(job).failed == 3
    again = harness.ledger.retry(job.id)
    assert (again.state, again.ok, again.failed, again.total) == ("queued", 97, 0, 100)
    harness.admit(job)
    claims = harness.drain(harness.worker(), bad=[50])
    assert [(i.index, i.generation) for c in claims for i in c.items] == [(3, 1), (50, 1), (99, 1)]
    assert (harness.check(job).ok, harness.check(job).failed) == (99, 1)
    harness.ledger.retry(job.id)
    harness.admit(job)
    assert [(i.index, i.generation) for c in harness.drain(harness.worker()) for i in c.items] == [(50, 2)]
    now = harness.check(job)
    assert (now.ok, now.failed, now.duplicates) == (100, 0, 0)
    with pytest.raises(Conflict):
        harness.ledger.retry(job.id)


def test_a_late_commit_of_the_old_generation_cannot_win(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.admit(job)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    harness.finish(worker, claim, bad=[1])
    harness.ledger.retry(job.id)
    worker.commit(claim, [answer(claim.items[1])], b"", final=True)
    assert harness.ledger.job(job.id).ok == 7
    harness.admit(job)
    harness.drain(worker)
    (one,) = [r for r in harness.ledger.results(job.id) if r.index == 1]
    assert (one.ok, one.generation) == (True, 1)
    assert harness.check(job).duplicates == 1


def test_a_retry_while_the_job_still_runs(harness: LedgerHarness) -> None:
    job = harness.submit(100)
    harness.admit(job, 1)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    harness.finish(worker, claim, bad=[0])
    harness.ledger.retry(job.id)
    harness.admit(job)
    harness.drain(worker)
    assert harness.check(job).ok == 100


def test_a_cancelled_job_is_not_retried(harness: LedgerHarness) -> None:
    job = harness.submit(100)
    harness.admit(job, 1)
    claim = harness.worker().claim(Lane.BULK)
    assert claim is not None
    harness.finish(harness.worker(), claim, bad=[0])
    harness.ledger.cancel(job.id)
    with pytest.raises(Conflict):
        harness.ledger.retry(job.id)


def test_jobs_are_listed_newest_first_and_in_pages(harness: LedgerHarness) -> None:
    made = []
    for n in range(5):
        made.append(harness.submit(1, f"job {n}").id)
        # The order is that of creation, to the millisecond.
        time.sleep(0.002)
    harness.submit(1, lane=Lane.INTERACTIVE, kind="classify")
    first = harness.ledger.jobs(limit=3)
    rest = harness.ledger.jobs(limit=3, before=first[-1].created)
    assert [j.id for j in first + rest] == made[::-1]


def test_only_the_chosen_failures_are_tried_again(harness: LedgerHarness) -> None:
    job = harness.submit(20)
    harness.admit(job)
    harness.drain(harness.worker(), bad=[3, 7, 11])
    assert harness.ledger.retry(job.id, {3, 11, 15}).failed == 1
    harness.admit(job)
    claims = harness.drain(harness.worker())
    assert sorted(item.index for claim in claims for item in claim.items) == [3, 11]
    assert (harness.check(job).ok, harness.ledger.job(job.id).failed) == (19, 1)
    with pytest.raises(Conflict):
        harness.ledger.retry(job.id, {0})
    assert harness.ledger.job(job.id).state == "finished"
