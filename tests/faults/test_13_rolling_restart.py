"""SIGTERM to one process after another, as an upgrade does it."""

from __future__ import annotations

import time

import psutil
import pytest

from shared.jobs.ledger import keys
from shared.jobs.model import JobState
from tests.faults.record import Record
from tests.faults.site import PHOTOS, RUNS, Site


def charged(site: Site, job_id: str) -> int:
    """Attempts that the job's chunks were charged beyond the first."""
    redis = site.ledger.connection.redis
    return sum(max(0, int(n) - 1) for n in redis.hvals(keys.job(job_id, "att")))


def test_workers_are_restarted_one_after_another(site: Site, record: Record) -> None:
    """SIGTERM: what is in hand is finished, the rest handed back, and no attempt is charged."""
    for _ in range(RUNS):
        folder = site.folder(4 * PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 50)
        for number, parent in enumerate(site.parents):
            process = psutil.Process(parent)
            began = time.monotonic()
            process.terminate()
            process.wait(25)
            # It did not simply work on until there was nothing left.
            assert number or site.job(job.id).state is JobState.RUNNING
            record.recovered(time.monotonic() - began)
            site.await_workers()
        job = site.await_end(job)
        site.check(record, job, folder)
        assert job.duplicates == 0
        assert charged(site, job.id) == 0


@pytest.mark.long
def test_everything_is_restarted_and_the_job_goes_on(site: Site, record: Record) -> None:
    """The dispatcher, the web and both workers in turn, as an upgrade does it."""
    for _ in range(RUNS):
        folder = site.folder(2 * PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 50)
        for pid in [site.role("dispatcher"), site.role("web"), *site.parents]:
            process = psutil.Process(pid)
            began = time.monotonic()
            process.terminate()
            process.wait(25)
            record.recovered(time.monotonic() - began)
        site.await_workers()
        site.check(record, site.await_end(job), folder)
