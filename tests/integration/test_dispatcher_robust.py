"""One bad job never keeps others from being listed, classified, projected and shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

from shared.core.settings import Settings
from shared.jobs.ledger import keys
from shared.jobs.ledger.removal import unprojected
from shared.jobs.model import Job, JobState
from shared.jobs.projection import caught_up, projection_path
from shared.jobs.shown import shown_job
from tests.ledger_harness import IDENTITY, LedgerHarness, spec
from tests.product import eventually
from worker.dispatcher.main import Dispatcher


@pytest.fixture
def own(ledger_settings: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "run").symlink_to(ledger_settings.run_dir)
    return ledger_settings.model_copy(update={"data_dir": tmp_path})


@contextmanager
def at_work(harness: LedgerHarness, settings: Settings) -> Iterator[None]:
    """The real dispatcher and a worker; whatever the dispatcher's thread dies of, the test hears of it."""
    over = threading.Event()
    died: list[BaseException] = []

    def dispatch() -> None:
        try:
            Dispatcher(settings).run(over)
        except BaseException as error:
            died.append(error)

    def work() -> None:
        claims = harness.worker()
        while not over.wait(0.02):
            harness.ledger.record_heartbeat("w1", {"id": "w1", "identity": IDENTITY, "state": "ready"})
            # A worker's process is started again when it ends by an error; this one just goes on.
            with suppress(redis.ResponseError):
                harness.drain(claims)

    threads = [threading.Thread(target=dispatch), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    try:
        yield
        assert not died, died
    finally:
        over.set()
        for thread in threads:
            thread.join()


def ends_with_results(harness: LedgerHarness, settings: Settings, job: Job) -> None:
    eventually(lambda: harness.ledger.job(job.id).state is JobState.FINISHED, what="the sound job's end")
    eventually(lambda: job.id not in unprojected(harness.ledger.connection), what="the sound job's projection")
    with caught_up(settings, harness.ledger, job.id) as projection:
        assert projection.totals()["total"] == job.total


BAD = {
    "cached": b"\xff\xfe",
    "total": b"many",
    "created": b"",
    "state": b"waiting_for_approval",
    "lane": b"express",
    "started": b"noon",
}


@pytest.mark.parametrize("field", BAD)
def test_a_damaged_record(harness: LedgerHarness, own: Settings, field: str) -> None:
    bad = harness.submit(20, "bad")
    harness.redis.hset(keys.job(bad.id, "meta"), field, BAD[field])
    if field == "started":
        harness.redis.hset(keys.job(bad.id, "meta"), "state", "running")
    with at_work(harness, own):
        ends_with_results(harness, own, harness.submit(50, "good"))
        shown = {job.id: job for job in harness.ledger.jobs()}
        assert len(shown) == 2
        assert shown[bad.id].note == "job_damaged"
        assert shown_job(shown[bad.id])
    assert harness.ledger.cancel(bad.id).state is JobState.CANCELLED


def test_a_damaged_projection(harness: LedgerHarness, own: Settings) -> None:
    bad = harness.submit(20, "bad")
    own.jobs_dir.mkdir()
    projection_path(own, bad.id).write_bytes(b"this is no database" * 100)
    with at_work(harness, own):
        ends_with_results(harness, own, harness.submit(50, "good"))
        eventually(lambda: harness.ledger.job(bad.id).note == "projection_failed", what="the note")
        assert harness.ledger.job(bad.id).state is JobState.FINISHED


def test_a_damaged_log_entry(harness: LedgerHarness, own: Settings) -> None:
    bad = harness.submit(20, "bad")
    harness.redis.rpush(keys.job(bad.id, "log"), b"0 1\nnonsense")
    with at_work(harness, own):
        ends_with_results(harness, own, harness.submit(50, "good"))
        eventually(lambda: harness.ledger.job(bad.id).note == "projection_failed", what="the note")


@pytest.mark.parametrize("part", ["lease", "todo", "pace", "meta"])
def test_a_key_of_a_wrong_type(harness: LedgerHarness, own: Settings, part: str) -> None:
    """Redis refuses every step on this job, and takes those on all others, which stand in the same line."""
    bad = harness.submit(20, "bad")
    harness.redis.delete(keys.job(bad.id, part))
    harness.redis.set(keys.job(bad.id, part), "x")
    with at_work(harness, own):
        ends_with_results(harness, own, harness.submit(50, "good"))
        ends_with_results(harness, own, harness.submit(50, "another"))


def test_a_listing_that_fails_ends_with_a_note(
    harness: LedgerHarness, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.dispatcher.main._LISTING_RETRY_DELAY", 0.05)
    (tmp_path / "1.jpg").write_bytes(b"x")
    bad = harness.ledger.submit_folder(spec("bad", path=str(tmp_path), kind="folder"))
    # Redis refuses the chunk that the lister found, time after time.
    harness.redis.set(keys.job(bad.id, "todo"), "x")
    with at_work(harness, own):
        good = harness.ledger.submit_folder(spec("good", path=str(tmp_path), kind="folder"))
        eventually(lambda: harness.ledger.job(good.id).ok == 1, what="the sound folder")
        eventually(lambda: harness.ledger.job(bad.id).note == "listing_failed", what="the note")
        assert harness.ledger.job(bad.id).listed
