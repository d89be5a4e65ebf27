"""SIGKILL to a whole worker: its chunks go to others when their lease is over."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from shared.jobs.ledger import keys
from shared.jobs.model import Job
from tests.faults.record import Record
from tests.faults.site import LEASE, PHOTOS, RUNS, Site, kill, running_site
from tests.faults.strikes import family
from tests.product import eventually


def reclaim(site: Site, record: Record, lease: float) -> None:
    """Kills every worker in mid-job, and awaits that no chunk is a dead worker's any more."""
    for _ in range(RUNS):
        folder = site.folder(PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 50)
        dead = {f"-{parent}".encode() for parent in site.parents}
        for parent in site.parents:
            for pid in reversed(family(parent)):
                kill(pid)
        began = time.monotonic()
        eventually(lambda j=job, d=dead: not held_by(site, j, d), 1.5 * lease, "the reclaiming of chunks")
        record.recovered(time.monotonic() - began)
        site.check(record, site.await_end(job), folder)
        site.await_workers()


def held_by(site: Site, job: Job, dead: set[bytes]) -> bool:
    """Whether a chunk of the job is leased to one of the workers whose ids end so."""
    return any(owner.endswith(tuple(dead)) for owner in site.redis.hvals(keys.job(job.id, "owner")))


def test_whole_workers_are_killed(site: Site, record: Record) -> None:
    reclaim(site, record, LEASE + 3)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("usual"), lease_seconds="20") as site:
        yield site


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_whole_workers_are_killed_with_the_usual_lease(usual: Site, record: Record) -> None:
    reclaim(usual, record, 20)
    assert max(record.seconds) <= 30
