"""Results outlive the ledger: no job leaves it before its projection is complete, and then that answers for it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shared.core.errors import Conflict, NotFound
from shared.core.settings import Settings
from shared.jobs import archive
from shared.jobs.admission import MEMORY_FOR_ENDED
from shared.jobs.catalog import Catalog
from shared.jobs.ledger import Ledger, keys
from shared.jobs.ledger.removal import unprojected
from shared.jobs.model import Job, Lane
from shared.jobs.projection import caught_up, open_projection, projection_path
from shared.jobs.reviews import Review
from tests.ledger_harness import LedgerHarness, photos, spec
from tests.leftovers import mentions
from tests.product import eventually
from worker.dispatcher.main import Dispatcher


@pytest.fixture
def own(ledger_settings: Settings, tmp_path: Path) -> Settings:
    """The shared Redis, and a data folder of this test's own."""
    (tmp_path / "run").symlink_to(ledger_settings.run_dir)
    return ledger_settings.model_copy(update={"data_dir": tmp_path})


@pytest.fixture
def ledger(harness: LedgerHarness, own: Settings) -> Ledger:
    return Ledger.connect(own)


@contextmanager
def dispatcher(settings: Settings) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=Dispatcher(settings).run, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def ended(harness: LedgerHarness, count: int = 30, bad: tuple[int, ...] = (3,), **values: str) -> Job:
    job = harness.submit(count, **values)
    harness.admit(job)
    harness.drain(harness.worker(), bad=bad)
    return harness.check(job)


def rows(settings: Settings, ledger: Ledger, job: Job) -> list[dict[str, object]]:
    with caught_up(settings, ledger, job.id) as projection:
        return list(projection.rows())


def test_jobs_that_end_between_two_looks_get_their_projection(
    harness: LedgerHarness, own: Settings, ledger: Ledger
) -> None:
    jobs = []
    with dispatcher(own):
        for _ in range(60):
            jobs.append(ended(harness, 8, ()))
        eventually(lambda: not unprojected(harness.ledger.connection), what="all projections")
    for job in jobs:
        with closing(open_projection(own, job.id)) as projection:
            assert len(list(projection.rows())) == 8
    assert not list(harness.redis.scan_iter("weft:*:vec:*"))


@pytest.mark.slow
def test_jobs_that_ended_while_no_dispatcher_ran_get_theirs(harness: LedgerHarness, own: Settings) -> None:
    """More than two hundred, and also those of a version that kept no list of them."""
    jobs = [ended(harness, 1, ()) for _ in range(210)]
    harness.redis.delete(keys.UNPROJECTED, keys.ENDED)
    with dispatcher(own):
        eventually(lambda: all(projection_path(own, j.id).exists() for j in jobs), 60, "all projections")
        eventually(lambda: not unprojected(harness.ledger.connection), what="all rows")
    assert harness.redis.zcard(keys.ENDED) == 210


def test_a_released_job_is_answered_for_by_its_projection(
    harness: LedgerHarness, own: Settings, ledger: Ledger
) -> None:
    job = ended(harness, name="真丝")
    before = rows(own, ledger, job)
    assert archive.release(own, ledger, job.id)
    assert mentions(harness.redis, job.id) == []
    with pytest.raises(NotFound):
        ledger.job(job.id)
    found = ledger.find(job.id)
    same = ("name", "kind", "state", "total", "ok", "failed", "created", "finished", "model", "bank", "preset")
    assert [getattr(found, f) for f in same] == [getattr(job, f) for f in same]
    assert found.archived
    assert rows(own, ledger, found) == before
    with caught_up(own, ledger, job.id) as projection:
        assert projection.review(0, Review(label="缎"))["corrected"] == "缎"
    for verb in ("cancel", "pause", "resume", "retry"):
        with pytest.raises(Conflict) as refused:
            getattr(ledger, verb)(job.id)
        assert refused.value.code == "job_archived"


def test_what_has_not_ended_stays(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    for act in (archive.release, archive.delete):
        with pytest.raises(Conflict):
            act(own, ledger, harness.submit(3).id)


def test_an_incomplete_projection_is_made_again_before_the_job_goes(
    harness: LedgerHarness, own: Settings, ledger: Ledger
) -> None:
    job = ended(harness)
    before = rows(own, ledger, job)
    with closing(sqlite3.connect(projection_path(own, job.id))) as db, db:
        db.execute("DELETE FROM items WHERE idx IN (5, 6)")
    assert archive.release(own, ledger, job.id)
    assert rows(own, ledger, job) == before


def test_a_job_whose_projection_cannot_be_complete_stays(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    """Its log lost an entry: nothing is thrown away, and the others go."""
    job, other = ended(harness, 100, ()), ended(harness)
    harness.redis.rpop(keys.job(job.id, "log"))
    with pytest.raises(Conflict) as refused:
        archive.release(own, ledger, job.id)
    assert refused.value.code == "projection_incomplete"
    assert archive.release_due(own, ledger, -1) == 1
    assert [j.id for j in ledger.jobs()] == [job.id]
    assert ledger.find(other.id).archived


def test_a_file_that_cannot_be_written_keeps_the_job(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    job = ended(harness)
    own.jobs_dir.mkdir()
    projection_path(own, job.id).mkdir()
    assert archive.release_due(own, ledger, -1) == 0
    assert ledger.job(job.id).ok == 29


def test_a_cancelled_job_keeps_what_it_has(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    job = harness.submit(100)
    harness.admit(job, 1)
    claim = harness.worker().claim(Lane.BULK)
    assert claim is not None
    harness.finish(harness.worker(), claim, bad=[0])
    harness.ledger.retry(job.id)
    harness.ledger.cancel(job.id)
    assert archive.release(own, ledger, job.id)
    assert len(rows(own, ledger, job)) == len(claim.items)


def test_age_counts_from_the_end(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    job = ended(harness)
    harness.redis.zadd(keys.JOBS, {job.id: time.time() - 40 * 86400})
    assert archive.release_due(own, ledger, 86400) == 0
    harness.redis.zadd(keys.ENDED, {job.id: time.time() - 2 * 86400})
    assert archive.release_due(own, ledger, 86400) == 1


def test_a_ledger_that_fills_lets_the_longest_ended_go(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    jobs = [ended(harness) for _ in range(3)]
    for age, job in enumerate(reversed(jobs), start=1):
        harness.redis.zadd(keys.ENDED, {job.id: time.time() - age})
    assert archive.release_for_room(own, ledger) == 0
    used, limit = ledger.memory()
    try:
        harness.redis.config_set("maxmemory", int(used / MEMORY_FOR_ENDED) - 1000)
        assert archive.release_for_room(own, ledger) >= 1
    finally:
        harness.redis.config_set("maxmemory", limit)
    assert ledger.find(jobs[0].id).archived
    assert len(rows(own, ledger, jobs[0])) == len(rows(own, ledger, jobs[2]))


def test_a_job_that_is_tried_again_is_not_due(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    job = ended(harness)
    harness.ledger.retry(job.id)
    assert archive.release_due(own, ledger, -1) == 0
    assert harness.redis.zscore(keys.ENDED, job.id) is None


def test_a_single_photo_goes_a_day_after_its_end(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    done, waiting = (harness.submit(1, lane=Lane.INTERACTIVE, kind="classify") for _ in range(2))
    claim = harness.worker().claim(Lane.INTERACTIVE)
    assert claim is not None
    harness.finish(harness.worker(), claim)
    assert archive.release_due(own, ledger, -1) == 0
    assert archive.release_due(own, ledger, -1, brief_seconds=-1) == 1
    assert mentions(harness.redis, done.id) == []
    assert ledger.job(waiting.id).done == 0


def test_lists_hold_every_job_once_in_pages(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    made = []
    for n in range(7):
        made.append(ended(harness, 1, (), name=f"job {n}").id)
        time.sleep(0.002)
    for job_id in made[::2]:
        archive.release(own, ledger, job_id)
    # Released half-way: in the ledger and in the catalog.
    Catalog(own).add(ledger.job(made[1]))
    seen: list[str] = []
    before = None
    while page := ledger.listed(2, before):
        seen += [job.id for job in page]
        before = page[-1].created
    assert seen == made[::-1]


def test_a_lost_catalog_is_made_again(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    job = ended(harness)
    archive.release(own, ledger, job.id)
    for path in own.jobs_dir.glob("archive.db*"):
        path.unlink()
    with dispatcher(own):
        eventually(lambda: bool(Catalog(own).ids()), what="the catalog")
    assert ledger.find(job.id).name == job.name


def test_a_deleted_job_leaves_nothing(harness: LedgerHarness, own: Settings, ledger: Ledger) -> None:
    job, archived = ended(harness), ended(harness)
    rows(own, ledger, job)
    archive.release(own, ledger, archived.id)
    for gone in (job, archived):
        archive.delete(own, ledger, gone.id)
        assert mentions(harness.redis, gone.id) == []
        with pytest.raises(NotFound):
            ledger.find(gone.id)
        with pytest.raises(NotFound):
            archive.delete(own, ledger, gone.id)
    assert not list(own.jobs_dir.glob("*.sqlite*"))


def test_a_cancelled_job_in_hand_is_deleted_and_does_not_come_back(
    harness: LedgerHarness, own: Settings, ledger: Ledger
) -> None:
    job = harness.submit(200)
    harness.admit(job, 2)
    claim = harness.worker().claim(Lane.BULK)
    assert claim is not None
    harness.ledger.cancel(job.id)
    archive.delete(own, ledger, job.id)
    harness.finish(harness.worker(), claim)
    harness.worker().renew([(claim, [0])])
    harness.worker().release(claim)
    harness.dispatcher.note(job.id, "no_worker")
    harness.worker().expire_own()
    assert mentions(harness.redis, job.id) == []


def test_a_request_sent_again_is_the_released_job_and_after_deletion_a_new_one(
    harness: LedgerHarness, own: Settings, ledger: Ledger
) -> None:
    job = ledger.submit(spec(), photos(3), "key", "print")
    harness.admit(job)
    harness.drain(harness.worker())
    archive.release(own, ledger, job.id)
    assert ledger.submit(spec(), photos(3), "key", "print").id == job.id
    archive.delete(own, ledger, job.id)
    assert ledger.submit(spec(), photos(3), "key", "print").id != job.id
