"""Many clients that drip, poll and upload slowly during a job: it ends exactly, probes answer, late ones are ended."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from scripts.lab.load.crowd import Crowd
from shared.jobs.model import Job, JobState
from tests.faults.record import Record
from tests.faults.site import PHOTOS, RECOVERY, RUNS, Site, running_site
from tests.product import eventually

DRIPPING, POLLING, UPLOADING = 100, 60, 6
#: Seconds that a client has for 64 kB, and that the crowd stays at least, so that the late ones are ended.
LATE, STAY = 10.0, 20.0


@contextmanager
def crowded(site: Site, job: Job) -> Iterator[Crowd]:
    """All of them at once, for the length of a `with`."""
    settings = site.product.settings
    crowd = Crowd("127.0.0.1", settings.port, job.id, b"\xff\xd8\xff" + bytes(4000), time.monotonic() + 600)

    async def all_at_once() -> None:
        slow = [crowd.dripper(bool(n % 2)) for n in range(DRIPPING)]
        polls = [crowd.poller(n) for n in range(POLLING)]
        await asyncio.gather(*slow, *polls, *(crowd.uploader() for _ in range(UPLOADING)), crowd.asker("probes"))

    thread = threading.Thread(target=asyncio.run, args=(all_at_once(),))
    thread.start()
    try:
        yield crowd
    finally:
        crowd.until = 0.0
        thread.join()


def uploaded(site: Site, record: Record, known: set[str], accepted: int) -> None:
    """Every upload that was accepted is a job of its own that ends with all its photos."""

    def ended() -> list[Job]:
        try:
            found = [job for job in site.ledger.jobs(500) if job.kind == "upload" and job.id not in known]
        except RedisError:
            return []
        return found if all(job.state is JobState.FINISHED for job in found) else []

    eventually(lambda: len(ended()) >= accepted, 240, "the end of all uploads")
    for job in ended():
        known.add(job.id)
        assert (job.total, job.ok, job.failed) == (8, 8, 0), job
        site.check(record, job, None)


@pytest.mark.long
def test_slow_clients(record: Record, tmp_path: Path) -> None:
    known: set[str] = set()
    with running_site(tmp_path, request_seconds=str(LATE)) as site:
        for _ in range(RUNS):
            site.await_workers()
            folder = site.folder(PHOTOS)
            job = site.submit(folder)
            at, began = site.await_some(job), time.monotonic()
            with crowded(site, job) as crowd:
                site.await_done(job, min(at + 40, PHOTOS - 1), RECOVERY)
                record.recovered(time.monotonic() - began)
                ended = site.await_end(job, 240)
                time.sleep(max(0.0, began + STAY - time.monotonic()))
            seen = crowd.tally.outcomes
            assert (ended.ok, ended.failed) == (PHOTOS, 0), ended
            site.check(record, ended, folder)
            assert set(seen["probes"]) == {"200"}, seen
            # With the connection's end; what the server refuses at once (503) is as good.
            assert {"408", "503"} & set(seen["slow headers"]), seen
            assert {"408", "503"} & set(seen["slow bodies"]), seen
            assert "held" not in seen["slow headers"] or "408" in seen["slow headers"], seen
            uploaded(site, record, known, seen["uploads"]["202"])
            assert known
