"""Redis stands still or cannot be reached, for less and for more than a lease."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.faults.site import IN_FLIGHT, LEASE, RUNS, Proxy, Site, disturb, stopped

Record = Callable[[float], None]


def still(site: Site, role: str, seconds: float) -> None:
    with stopped(site.role(role)):
        time.sleep(seconds)


def test_redis_stands_still(site: Site, record: Record) -> None:
    disturb(site, record, lambda: still(site, "redis-ledger", 2), seconds=60)


@pytest.mark.long
def test_redis_stands_still_past_the_lease(site: Site, record: Record) -> None:
    disturb(site, record, lambda: still(site, "redis-ledger", 3 * LEASE), seconds=60)


@pytest.mark.long
def test_redis_stands_still_for_a_minute(site: Site, record: Record) -> None:
    disturb(site, record, lambda: still(site, "redis-ledger", 60), runs=1, seconds=60)


@pytest.mark.long
def test_the_cache_stands_still(site: Site, record: Record) -> None:
    disturb(site, record, lambda: still(site, "redis-cache", 5))


@pytest.mark.long
def test_workers_stand_still_past_the_lease(site: Site, record: Record) -> None:
    def strike() -> None:
        pids = [p.pid for parent in site.parents for p in psutil.Process(parent).children()] + site.parents
        with stopped(*pids):
            time.sleep(2 * LEASE)

    disturb(site, record, strike, seconds=60)


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    way = Proxy(site.ledger.connection.redis.connection_pool.connection_kwargs["path"])
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
        record(time.monotonic() - began)
        time.sleep(max(0.0, 1.5 * LEASE - (time.monotonic() - began)))
        proxy.heal()
        site.check(site.await_end(job), folder)
