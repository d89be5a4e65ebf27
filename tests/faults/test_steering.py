"""Cancel, pause and rolling restarts while workers come and go."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest

from shared.ledger import keys
from shared.types import JobState
from tests.faults.site import PHOTOS, RUNS, Site, kill
from tests.product import eventually

Record = Callable[[float], None]


def test_a_job_is_cancelled_while_workers_restart(site: Site, record: Record) -> None:
    for _ in range(RUNS):
        job = site.submit(site.folder(PHOTOS))
        site.await_done(job, 50)
        kill(site.children[0])
        site.ledger.cancel(job.id)
        counted = site.job(job.id).done
        began = time.monotonic()
        site.await_workers()
        record(time.monotonic() - began)
        ended = site.job(job.id)
        assert ended.state is JobState.CANCELLED
        assert ended.done == counted
        site.check(ended, None)


def test_a_job_is_paused_while_workers_restart(site: Site, record: Record) -> None:
    for _ in range(RUNS):
        folder = site.folder(PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 50)
        site.ledger.pause(job.id)
        kill(site.children[0])
        redis = site.ledger.connection.redis
        eventually(lambda r=redis: not r.zcard(keys.job(job.id, "lease")), 60, "the end of what was begun")
        counted = site.job(job.id).done
        site.await_workers()
        # Warm again, and nothing of the paused job is touched.
        assert site.job(job.id).done == counted
        began = time.monotonic()
        site.ledger.resume(job.id)
        site.await_done(job, counted)
        record(time.monotonic() - began)
        site.check(site.await_end(job), folder)


def charged(site: Site, job_id: str) -> int:
    """Attempts that the job's chunks were charged beyond the first."""
    redis = site.ledger.connection.redis
    return sum(max(0, int(n) - 1) for n in redis.hvals(keys.job(job_id, "att")))


def test_workers_are_restarted_one_after_another(site: Site, record: Record) -> None:
    """SIGTERM: what is in hand is finished, the rest handed back, and no attempt is charged."""
    for _ in range(RUNS):
        folder = site.folder(2 * PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 50)
        for parent in site.parents:
            process = psutil.Process(parent)
            began = time.monotonic()
            process.terminate()
            process.wait(25)
            record(time.monotonic() - began)
            site.await_workers()
        job = site.await_end(job)
        site.check(job, folder)
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
            record(time.monotonic() - began)
        site.await_workers()
        site.check(site.await_end(job), folder)
