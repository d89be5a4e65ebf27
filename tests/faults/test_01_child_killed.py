"""SIGKILL to the children, which hold engine and photos: once a job, and two hundred times in one go."""

from __future__ import annotations

import random
import statistics
import time

import pytest

from tests.faults.record import Record
from tests.faults.site import IN_FLIGHT, Site, disturb
from tests.faults.strikes import all_children_killed, child_killed

#: Kills in one go, 3 to 10 seconds apart.
KILLS = 200


def test_all_children_are_killed(site: Site, record: Record) -> None:
    disturb(site, record, lambda: all_children_killed(site, 0))


@pytest.mark.long
@pytest.mark.timeout(4000)
def test_a_child_is_killed_two_hundred_times(site: Site, record: Record) -> None:
    """Every 3 to 10 seconds, jobs without end: the worker that lost its child works again within 10 seconds, as a rule.
    The slowest one says what else the machine did meanwhile."""
    rng = random.Random(1)
    folder = site.folder(3000)
    job = site.submit(folder)
    for _ in range(KILLS):
        began, victim = time.monotonic(), site.children[0]
        child_killed(site, 0)
        site.await_replaced(victim)
        record.recovered(time.monotonic() - began)
        if site.job(job.id).done > 3000 - 12 * IN_FLIGHT:
            site.check(record, site.await_end(job), folder)
            folder = site.folder(3000)
            job = site.submit(folder)
        time.sleep(max(0.0, rng.uniform(3, 10) - (time.monotonic() - began)))
    site.check(record, site.await_end(job), folder)
    assert statistics.median(record.seconds) <= 10
