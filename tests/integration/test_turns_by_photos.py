"""A turn is as many photos as the largest chunk has: a small job, whose chunks are small, has its share."""

from __future__ import annotations

from collections import Counter

from shared.core.settings import CHUNK_ITEMS
from shared.jobs.estimate import Rival, share_of_turns
from shared.jobs.ledger.scripts import LUA
from shared.jobs.model import Job, Lane
from tests.ledger_harness import LedgerHarness


def served(harness: LedgerHarness, jobs: list[Job], until: Job, ahead: int = 8) -> list[tuple[str, int]]:
    """(job, photos) of each chunk that one worker begins until a job is done."""
    harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], ahead)
    worker, order = harness.worker(), []
    while not harness.ledger.job(until.id).ended:
        claim = worker.claim(Lane.BULK)
        assert claim is not None
        order.append((claim.job, len(claim.items)))
        harness.finish(worker, claim)
    return order


def test_a_small_job_has_its_whole_turn_at_once(harness: LedgerHarness) -> None:
    mountains = [harness.submit(4000, name) for name in "ab"]
    harness.dispatcher.admit(mountains[0].identity, Lane.BULK, [job.id for job in mountains], 8)
    small = harness.submit(40, "small")
    order = served(harness, [*mountains, small], small)
    own = [place for place, (job, _) in enumerate(order) if job == small.id]
    assert len(own) == 5
    # One turn each of what stood before it on the rota; then all of its five chunks.
    assert own == list(range(own[0], own[0] + 5))
    assert own[0] <= 3


def test_photos_are_shared_not_chunks(harness: LedgerHarness) -> None:
    """Of 4000 photos, chunks have 64; of 600, 25 and fewer."""
    large, less = harness.submit(4000, "large"), harness.submit(600, "less")
    photos: Counter[str] = Counter()
    for job, count in served(harness, [large, less], less, ahead=4):
        photos[job] += count
    assert photos[less.id] == 600
    assert 450 <= photos[large.id] <= 1000


def test_owners_share_alike_however_many_jobs_they_have(harness: LedgerHarness) -> None:
    many = [harness.submit(3000, f"many-{n}", owner="Li") for n in range(4)]
    one = harness.submit(1500, "one", owner="Wang")
    photos: Counter[str] = Counter()
    for job, count in served(harness, [*many, one], one, ahead=4):
        photos[job] += count
    others = [photos[job.id] for job in many]
    assert photos[one.id] == 1500
    assert 1200 <= sum(others) <= 2000
    # Of one owner, each job has its turns.
    assert max(others) - min(others) <= 2 * CHUNK_ITEMS
    beside = [Rival(1000, "normal", owner="Li") for _ in many]
    assert share_of_turns("normal", beside, owner="Wang") == 0.5
    assert share_of_turns("normal", [*beside[1:], Rival(9, "normal", owner="Wang")], owner="Li") == 0.125


def test_jobs_of_nobody_share_as_jobs(harness: LedgerHarness) -> None:
    jobs = [harness.submit(1500, name) for name in "abc"]
    photos: Counter[str] = Counter()
    for job, count in served(harness, jobs, jobs[0], ahead=3):
        photos[job] += count
    assert min(photos.values()) >= 1200
    assert share_of_turns("normal", [Rival(9, "normal"), Rival(9, "normal")]) == 1 / 3


def test_the_scripts_know_the_largest_chunk() -> None:
    assert f"local TURN = {CHUNK_ITEMS}\n" in (LUA / "common.lua").read_text("utf-8")
