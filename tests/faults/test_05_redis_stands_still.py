"""Redis stands still, for less and for more than a lease."""

from __future__ import annotations

import time

import pytest

from tests.faults.record import Record
from tests.faults.site import LEASE, PHOTOS, RUNS, Site, disturb
from tests.faults.strikes import cache_stopped, ledger_stopped


def still(site: Site, record: Record, seconds: float) -> None:
    """Measured from the moment on that Redis goes on."""
    for _ in range(RUNS):
        folder = site.folder(PHOTOS)
        job = site.submit(folder)
        at = site.await_some(job)
        ledger_stopped(site, seconds)
        began = time.monotonic()
        site.await_done(job, at, 60)
        record.recovered(time.monotonic() - began)
        site.check(record, site.await_end(job), folder)
        site.await_workers()


def test_redis_stands_still(site: Site, record: Record) -> None:
    still(site, record, 2)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_redis_stands_still_past_the_lease(site: Site, record: Record) -> None:
    still(site, record, 3 * LEASE)


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_redis_stands_still_for_a_minute(site: Site, record: Record) -> None:
    still(site, record, 60)


@pytest.mark.long
def test_the_cache_stands_still(site: Site, record: Record) -> None:
    disturb(site, record, lambda: cache_stopped(site, 5))
