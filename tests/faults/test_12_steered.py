"""Cancel and pause while workers come and go."""

from __future__ import annotations

import time

import pytest

from shared.jobs.ledger import keys
from shared.jobs.model import JobState
from tests.faults.record import Record
from tests.faults.site import PHOTOS, RUNS, Site, kill
from tests.product import eventually


def test_a_job_is_cancelled_while_workers_restart(site: Site, record: Record) -> None:
    for _ in range(RUNS):
        job = site.submit(site.folder(PHOTOS))
        site.await_done(job, 50)
        kill(site.children[0])
        site.ledger.cancel(job.id)
        counted = site.job(job.id).done
        began = time.monotonic()
        site.await_workers()
        record.recovered(time.monotonic() - began)
        ended = site.job(job.id)
        assert ended.state is JobState.CANCELLED
        assert ended.done == counted
        site.check(record, ended, None)


@pytest.mark.long
def test_a_job_is_paused_while_workers_restart(site: Site, record: Record) -> None:
    for _ in range(RUNS):
        folder = site.folder(PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 50)
        site.ledger.pause(job.id)
        kill(site.children[0])
        lease = keys.job(job.id, "lease")
        eventually(lambda key=lease: not site.redis.zcard(key), 60, "the end of what was begun")
        counted = site.job(job.id).done
        site.await_workers()
        # Warm again, and nothing of the paused job is touched.
        assert site.job(job.id).done == counted
        began = time.monotonic()
        site.ledger.resume(job.id)
        site.await_done(job, counted)
        record.recovered(time.monotonic() - began)
        site.check(record, site.await_end(job), folder)
