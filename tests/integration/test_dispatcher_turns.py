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
from tests.desk import IDENTITY, Desk, spec
from tests.product import eventually
from worker.dispatcher.main import Dispatcher

#: Seconds that a worker takes for a chunk.
CHUNK_SECONDS = 0.1


@contextmanager
def at_work(desk: Desk, settings: Settings, workers: int) -> Iterator[None]:
    """The real dispatcher, and so many workers that each take a while for a chunk."""
    over = threading.Event()

    def work(name: str) -> None:
        claims = desk.worker(name)
        while not over.is_set():
            desk.ledger.record_heartbeat(name, {"id": name, "identity": IDENTITY, "state": "ready"})
            if claim := claims.claim(Lane.BULK):
                time.sleep(CHUNK_SECONDS)
                desk.finish(claims, claim)
            else:
                time.sleep(0.01)

    desk.ledger.record_heartbeat("w0", {"id": "w0", "identity": IDENTITY, "state": "ready"})
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


def underway(desk: Desk, job: Job) -> None:
    eventually(lambda: desk.ledger.job(job.id).done > 64, what="the large job's start")


def begins_before(desk: Desk, small: Job, large: Job, chunks: int) -> None:
    """The small job has its first result before the large one has so many more chunks done."""
    before = desk.ledger.job(large.id).done
    began = time.monotonic()
    known = desk.ledger.job(small.id).done
    eventually(lambda: desk.ledger.job(small.id).done > known, what="the small job's start")
    assert desk.ledger.job(large.id).state is not JobState.FINISHED
    assert desk.ledger.job(large.id).done - before <= chunks * 64, time.monotonic() - began


@pytest.mark.parametrize("workers", [1, 2])
def test_a_small_job_begins_beside_a_large_one(desk: Desk, ledger_settings: Settings, workers: int) -> None:
    large = desk.submit(4000, "large")
    with at_work(desk, ledger_settings, workers):
        underway(desk, large)
        for n in range(3):
            begins_before(desk, desk.submit(60, f"small {n}"), large, 4 * workers)
        desk.ledger.cancel(large.id)


def test_a_resumed_job_goes_on_beside_a_large_one(desk: Desk, ledger_settings: Settings) -> None:
    first = desk.submit(1000, "first")
    with at_work(desk, ledger_settings, 1):
        underway(desk, first)
        desk.ledger.pause(first.id)
        large = desk.submit(4000, "large")
        underway(desk, large)
        desk.ledger.resume(first.id)
        begins_before(desk, first, large, 4)
        for job in (first, large):
            desk.ledger.cancel(job.id)


def test_a_folder_that_is_being_listed_has_its_turns(desk: Desk, ledger_settings: Settings, tmp_path: Path) -> None:
    for n in range(60):
        (tmp_path / f"{n}.jpg").write_bytes(b"x")
    large = desk.submit(4000, "large")
    with at_work(desk, ledger_settings, 1):
        underway(desk, large)
        begins_before(desk, desk.ledger.submit_folder(spec("folder", path=str(tmp_path), kind="folder")), large, 4)
        desk.ledger.cancel(large.id)


def test_every_job_of_many_has_its_turns(desk: Desk, ledger_settings: Settings) -> None:
    jobs = [desk.submit(2000, f"job {n}") for n in range(6)]
    with at_work(desk, ledger_settings, 2):
        eventually(lambda: all(desk.ledger.job(job.id).done for job in jobs), what="a result of every job")
        assert max(desk.ledger.job(job.id).done for job in jobs) <= 4 * 64
        for job in jobs:
            desk.ledger.cancel(job.id)


@pytest.mark.parametrize("state", ["paused", "waiting_for_approval"])
def test_a_chunk_of_a_job_in_another_state_waits_with_it(desk: Desk, state: str) -> None:
    """Also in a state that only a later version knows: the chunk is put back, not lost."""
    job = desk.submit(60, lane=Lane.INTERACTIVE)
    chunks = desk.redis.llen(keys.ready(IDENTITY, "interactive"))
    desk.redis.hset(keys.job(job.id, "meta"), "state", state)
    assert desk.worker().claim(Lane.INTERACTIVE) is None
    assert desk.redis.llen(keys.job(job.id, "todo")) == chunks
    desk.redis.hset(keys.job(job.id, "meta"), "state", "running")
    desk.admit(job)
    desk.drain(desk.worker(), Lane.INTERACTIVE)
    desk.check(job)
