"""Jobs take turns through the real dispatcher: a small job behind a large one begins at once, also after a pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.core.settings import Settings
from shared.jobs.ledger import keys
from shared.jobs.model import Job, JobState, Lane
from tests.ledger_harness import IDENTITY, LedgerHarness, spec
from tests.product import eventually
from worker.dispatcher.main import Dispatcher

#: Seconds that a worker takes for a chunk.
CHUNK_SECONDS = 0.1


@contextmanager
def at_work(harness: LedgerHarness, settings: Settings, workers: int) -> Iterator[None]:
    """The real dispatcher, and so many workers that each take a while for a chunk."""
    over = threading.Event()

    def work(name: str) -> None:
        claims = harness.worker(name)
        while not over.is_set():
            harness.ledger.record_heartbeat(name, {"id": name, "identity": IDENTITY, "state": "ready"})
            if claim := claims.claim(Lane.BULK):
                time.sleep(CHUNK_SECONDS)
                harness.finish(claims, claim)
            else:
                time.sleep(0.01)

    harness.ledger.record_heartbeat("w0", {"id": "w0", "identity": IDENTITY, "state": "ready"})
    threads = [threading.Thread(target=Dispatcher(settings).run, args=(over,))]
    threads += [threading.Thread(target=work, args=(f"w{n}",)) for n in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def underway(harness: LedgerHarness, job: Job) -> None:
    eventually(lambda: harness.ledger.job(job.id).done > 64, what="the large job's start")


def begins_before(harness: LedgerHarness, small: Job, large: Job, chunks: int) -> None:
    """The small job has its first result before the large one has so many more chunks done."""
    before = harness.ledger.job(large.id).done
    began = time.monotonic()
    known = harness.ledger.job(small.id).done
    eventually(lambda: harness.ledger.job(small.id).done > known, what="the small job's start")
    assert harness.ledger.job(large.id).state is not JobState.FINISHED
    assert harness.ledger.job(large.id).done - before <= chunks * 64, time.monotonic() - began


@pytest.mark.parametrize("workers", [1, 2])
def test_a_small_job_begins_beside_a_large_one(harness: LedgerHarness, ledger_settings: Settings, workers: int) -> None:
    large = harness.submit(4000, "large")
    with at_work(harness, ledger_settings, workers):
        underway(harness, large)
        for n in range(3):
            begins_before(harness, harness.submit(60, f"small {n}"), large, 4 * workers)
        harness.ledger.cancel(large.id)


def test_a_resumed_job_goes_on_beside_a_large_one(harness: LedgerHarness, ledger_settings: Settings) -> None:
    first = harness.submit(1000, "first")
    with at_work(harness, ledger_settings, 1):
        underway(harness, first)
        harness.ledger.pause(first.id)
        large = harness.submit(4000, "large")
        underway(harness, large)
        harness.ledger.resume(first.id)
        begins_before(harness, first, large, 4)
        for job in (first, large):
            harness.ledger.cancel(job.id)


def test_a_folder_that_is_being_listed_has_its_turns(
    harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path
) -> None:
    for n in range(60):
        (tmp_path / f"{n}.jpg").write_bytes(b"x")
    large = harness.submit(4000, "large")
    with at_work(harness, ledger_settings, 1):
        underway(harness, large)
        begins_before(
            harness, harness.ledger.submit_folder(spec("folder", path=str(tmp_path), kind="folder")), large, 4
        )
        harness.ledger.cancel(large.id)


def test_every_job_of_many_has_its_turns(harness: LedgerHarness, ledger_settings: Settings) -> None:
    jobs = [harness.submit(2000, f"job {n}") for n in range(6)]
    with at_work(harness, ledger_settings, 2):
        eventually(lambda: all(harness.ledger.job(job.id).done for job in jobs), what="a result of every job")
        assert max(harness.ledger.job(job.id).done for job in jobs) <= 4 * 64
        for job in jobs:
            harness.ledger.cancel(job.id)


@pytest.mark.parametrize("state", ["paused", "waiting_for_approval"])
def test_a_chunk_of_a_job_in_another_state_waits_with_it(harness: LedgerHarness, state: str) -> None:
    """Also in a state that only a later version knows: the chunk is put back, not lost."""
    job = harness.submit(60, lane=Lane.INTERACTIVE)
    chunks = harness.redis.llen(keys.ready(IDENTITY, "interactive"))
    harness.redis.hset(keys.job(job.id, "meta"), "state", state)
    assert harness.worker().claim(Lane.INTERACTIVE) is None
    assert harness.redis.llen(keys.job(job.id, "todo")) == chunks
    harness.redis.hset(keys.job(job.id, "meta"), "state", "running")
    harness.admit(job)
    harness.drain(harness.worker(), Lane.INTERACTIVE)
    harness.check(job)
