"""SIGKILL to the ledger's Redis, and to the cache's."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.record import Record
from tests.faults.site import IN_FLIGHT, RUNS, Site, disturb
from tests.faults.strikes import cache_killed, ledger_killed


def test_redis_is_killed(site: Site, record: Record) -> None:
    disturb(site, record, lambda: ledger_killed(site, 0), seconds=30)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_redis_is_killed_twenty_times_in_one_job(site: Site, record: Record) -> None:
    folder = site.folder(8000)
    job = site.submit(folder)
    for _ in range(20):
        at, began = site.job(job.id).done, time.monotonic()
        ledger_killed(site, 0)
        site.await_done(job, at + IN_FLIGHT, 60)
        record.recovered(time.monotonic() - began)
        time.sleep(random.Random().uniform(0, 1))
    # What was counted before a kill is there after it: a commit that was answered is on the disk.
    site.check(record, site.await_end(job, 300), folder)
    assert max(record.seconds) <= 30


@pytest.mark.long
def test_the_cache_is_killed(site: Site, record: Record) -> None:
    disturb(site, record, lambda: cache_killed(site, 0), runs=RUNS)
