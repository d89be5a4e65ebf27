"""A worker is cut off for longer than its lease, and comes back with results that others have by then."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy
from tests.faults.record import Record
from tests.faults.site import IN_FLIGHT, LEASE, RUNS, Site, disturb, stopped
from tests.faults.strikes import family


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    way = Proxy(site.redis.connection_pool.connection_kwargs["path"])
    yield way
    way.heal()
    way.close()


def test_a_worker_is_cut_off_past_its_lease(site: Site, proxy: Proxy, record: Record) -> None:
    """Its late results are duplicates or the first; nothing is counted twice."""
    site.start_worker(WEFT_REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0")
    for _ in range(RUNS):
        site.await_workers(site.workers + 1)
        folder = site.folder(1200)
        job = site.submit(folder)
        site.await_done(job, 100)
        proxy.cut()
        at, began = site.job(job.id).done, time.monotonic()
        site.await_done(job, at + IN_FLIGHT, LEASE + 10)
        record.recovered(time.monotonic() - began)
        time.sleep(max(0.0, 1.5 * LEASE - (time.monotonic() - began)))
        proxy.heal()
        site.check(record, site.await_end(job), folder)


@pytest.mark.long
def test_workers_stand_still_past_the_lease(site: Site, record: Record) -> None:
    def strike() -> None:
        with stopped(*(pid for parent in site.parents for pid in family(parent))):
            time.sleep(2 * LEASE)

    disturb(site, record, strike, seconds=60)
