"""A finished job's photos and results leave the ledger: its projection has them, and it can still be retried."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scripts.supervisor import redis as embedded
from shared.core.errors import Conflict
from shared.core.settings import Settings
from shared.jobs import archive
from shared.jobs.intake.repeating import photos_of
from shared.jobs.ledger import Ledger, keys
from shared.jobs.ledger.removal import untrimmed
from shared.jobs.model import Job, JobState
from shared.jobs.projection import caught_up, projection_path
from shared.jobs.reviews import Review
from shared.maintenance import backup
from tests.ledger_harness import LedgerHarness

COUNT, BAD = 400, (3, 130)


@pytest.fixture
def harness(settings: Settings, redis_pair: embedded.Pair) -> LedgerHarness:
    return LedgerHarness(Ledger.connect(settings))


def rows(settings: Settings, harness: LedgerHarness, job: Job) -> list[dict[str, object]]:
    with caught_up(settings, harness.ledger, job.id) as projection:
        return list(projection.rows())


def finished(harness: LedgerHarness) -> Job:
    job = harness.submit(COUNT)
    harness.admit(job)
    harness.drain(harness.worker(), bad=BAD)
    return harness.check(job)


def trimmed(settings: Settings, harness: LedgerHarness) -> Job:
    job = finished(harness)
    assert archive.trim_due(settings, harness.ledger, 0) == 1
    return harness.ledger.job(job.id)


def stored(harness: LedgerHarness, job: Job) -> int:
    """Bytes of all the job's keys."""
    names = harness.redis.scan_iter(keys.job(job.id, "*"), count=1000)
    return sum(harness.redis.memory_usage(name, samples=0) or 0 for name in names)


def test_what_stays_is_small_and_the_results_are_the_same(settings: Settings, harness: LedgerHarness) -> None:
    job = finished(harness)
    before, size = rows(settings, harness, job), stored(harness, job)
    assert archive.trim_due(settings, harness.ledger) == 0, "it has only just finished"
    assert archive.trim_due(settings, harness.ledger, 0) == 1
    assert rows(settings, harness, job) == before
    # The job itself and the two chunks with a failed photo.
    assert stored(harness, job) < size / 2
    parts = {name.decode().rpartition("}:")[2] for name in harness.redis.scan_iter(keys.job(job.id, "*"))}
    assert parts - {p for p in parts if p.startswith("in:")} == {"meta", "log", "done", "failed"}
    assert len([p for p in parts if p.startswith("in:")]) == len(BAD)
    after = harness.ledger.job(job.id)
    assert (after.state, after.ok, after.failed) == (job.state, job.ok, job.failed)
    assert archive.trim_due(settings, harness.ledger, 0) == 0, "once is enough"


def test_it_is_retried_and_trimmed_again(settings: Settings, harness: LedgerHarness) -> None:
    job = trimmed(settings, harness)
    assert harness.ledger.retry(job.id).state is not JobState.FINISHED
    harness.admit(job)
    harness.drain(harness.worker(), bad=BAD[:1])
    again = harness.ledger.job(job.id)
    assert (again.ok, again.failed) == (COUNT - 1, 1)
    found = rows(settings, harness, job)
    assert [row["index"] for row in found if row["status"] == "failed"] == [BAD[0]]
    assert len(found) == COUNT
    assert archive.trim_due(settings, harness.ledger, 0) == 1
    assert rows(settings, harness, job) == found
    assert archive.release(settings, harness.ledger, job.id)
    assert len(rows(settings, harness, job)) == COUNT


def test_all_its_photos_are_classified_again(settings: Settings, harness: LedgerHarness) -> None:
    job = finished(harness)
    before = photos_of(settings, harness.ledger, job)
    archive.trim_due(settings, harness.ledger, 0)
    after = photos_of(settings, harness.ledger, job)
    assert [(p.index, p.name, p.sha256) for p in after] == [(p.index, p.name, p.sha256) for p in before]
    assert len(after) == COUNT


def test_what_has_not_finished_stays(settings: Settings, harness: LedgerHarness) -> None:
    cancelled, waiting = harness.submit(10), harness.submit(10)
    harness.ledger.cancel(cancelled.id)
    assert archive.trim_due(settings, harness.ledger, 0) == 0
    assert len(harness.ledger.items(cancelled.id)) == len(harness.ledger.items(waiting.id)) == 10


def test_a_projection_that_lost_rows_stops_it(settings: Settings, harness: LedgerHarness) -> None:
    """Before, they come from the log again; afterwards, the log has none, and nothing claims that they were there."""
    job = finished(harness)
    before = rows(settings, harness, job)
    with closing(sqlite3.connect(projection_path(settings, job.id))) as db, db:
        db.execute("DELETE FROM items WHERE idx < 5")
    assert archive.trim_due(settings, harness.ledger, 0) == 1
    assert rows(settings, harness, job) == before
    archive.unlink(settings, job.id)
    with pytest.raises(Conflict) as lost:
        rows(settings, harness, job)
    assert lost.value.code == "results_lost"
    assert archive.trim_due(settings, harness.ledger, 0) == 0


def test_a_ledger_that_lost_its_last_commits_keeps_the_rows_of_before(
    settings: Settings, harness: LedgerHarness
) -> None:
    job = trimmed(settings, harness)
    before = rows(settings, harness, job)
    harness.ledger.retry(job.id)
    harness.admit(job)
    kept = {name: harness.redis.dump(name) for name in harness.redis.scan_iter(keys.job(job.id, "*"))}
    harness.drain(harness.worker(), bad=())
    assert rows(settings, harness, job) != before
    for name, value in kept.items():
        harness.redis.restore(name, 0, value, replace=True)
    assert len(rows(settings, harness, job)) == COUNT


def test_a_backup_holds_its_results(settings: Settings, harness: LedgerHarness, tmp_path: Path) -> None:
    job = trimmed(settings, harness)
    with caught_up(settings, harness.ledger, job.id) as projection:
        projection.review(0, Review(label="corrected"))
    before = rows(settings, harness, job)
    backup.save(settings, tmp_path / "backup")
    restored = Settings(data_dir=tmp_path / "restored", engine="null")
    backup.load(restored, tmp_path / "backup")
    harness.redis.close()
    with embedded.running(restored):
        again = LedgerHarness(Ledger.connect(restored))
        assert rows(restored, again, again.ledger.job(job.id)) == before
        assert untrimmed(again.ledger.connection, float("inf")) == []
