"""Processes die in mid-job: a worker's child, a whole worker, the dispatcher, Redis, everything at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import psutil
import pytest

from tests.faults.site import IN_FLIGHT, RECOVERY, Site, disturb, kill

Record = Callable[[float], None]


def test_the_child_is_killed(site: Site, record: Record) -> None:
    disturb(site, record, lambda: [kill(pid) for pid in site.children])


def test_the_whole_worker_is_killed(site: Site, record: Record) -> None:
    def strike() -> None:
        for parent in site.parents:
            for child in psutil.Process(parent).children(recursive=True):
                kill(child.pid)
            kill(parent)

    disturb(site, record, strike, seconds=RECOVERY + 10)


@pytest.mark.long
def test_one_worker_of_two_is_killed(site: Site, record: Record) -> None:
    disturb(site, record, lambda: kill(site.parents[0]))


def test_redis_is_killed(site: Site, record: Record) -> None:
    disturb(site, record, lambda: kill(site.role("redis-ledger")), seconds=30)


@pytest.mark.long
def test_the_cache_is_killed(site: Site, record: Record) -> None:
    disturb(site, record, lambda: kill(site.role("redis-cache")))


def test_the_dispatcher_is_killed(site: Site, record: Record) -> None:
    disturb(site, record, lambda: kill(site.role("dispatcher")), seconds=30)


@pytest.mark.long
def test_everything_is_killed_at_once(site: Site, record: Record) -> None:
    def strike() -> None:
        for child in psutil.Process(site.product.process.pid).children(recursive=True):
            kill(child.pid)

    disturb(site, record, strike, seconds=60)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_redis_is_killed_twenty_times_in_one_job(site: Site, record: Record) -> None:
    folder = site.folder(3000)
    job = site.submit(folder)
    for _ in range(20):
        at = site.job(job.id).done
        if at > 2900:
            break
        kill(site.role("redis-ledger"))
        record(site.await_done(job, at + IN_FLIGHT, 60))
        time.sleep(random.Random().uniform(0, 1))
    site.check(site.await_end(job, 300), folder)
