"""A small job comes while a large one runs: the jobs take turns, so its first result comes within seconds."""

from __future__ import annotations

import time

from shared.jobs.model import JobState
from tests.faults.record import Record
from tests.faults.site import RUNS, Site

#: Seconds until the small job's first result.
FIRST = 5.0


def test_a_small_job_behind_a_large_one(site: Site, record: Record) -> None:
    for _ in range(RUNS):
        large = site.submit(site.folder(6000))
        site.await_done(large, 100)
        folder = site.folder(60)
        began = time.monotonic()
        small = site.submit(folder)
        site.await_done(small, 0)
        took = time.monotonic() - began
        assert site.job(large.id).state in (JobState.RUNNING, JobState.LISTING), "the large job should be larger"
        assert took <= FIRST, took
        record.recovered(took)
        site.check(record, site.await_end(small), folder)
        site.ledger.cancel(large.id)
        site.check(record, site.await_end(large), None)
