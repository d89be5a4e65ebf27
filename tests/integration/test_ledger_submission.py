"""Submitting: everything is written before it is accepted, and one Idempotency-Key makes one job."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.core.errors import Conflict, NotFound, Unavailable
from shared.jobs.ledger import keys
from shared.jobs.model import Item, Lane
from tests.ledger_harness import LedgerHarness, photos, spec


def test_an_accepted_job_holds_every_item(harness: LedgerHarness) -> None:
    job = harness.submit(200)
    assert (job.state, job.total, job.listed) == ("queued", 200, True)
    harness.admit(job)
    claimed = [item for claim in harness.drain(harness.worker()) for item in claim.items]
    assert claimed == photos(200)
    harness.check(job)


def test_an_interactive_job_can_be_claimed_before_any_dispatcher_looks(harness: LedgerHarness) -> None:
    job = harness.submit(3, lane=Lane.INTERACTIVE)
    harness.drain(harness.worker(), Lane.INTERACTIVE)
    harness.check(job)


def test_a_job_without_items_is_finished_at_once(harness: LedgerHarness) -> None:
    assert harness.ledger.submit(spec(), []).state == "finished"


def test_the_same_key_gives_the_same_job(harness: LedgerHarness) -> None:
    first = harness.ledger.submit(spec(), photos(5), "key", "print")
    again = harness.ledger.submit(spec(), photos(5), "key", "print")
    assert again.id == first.id
    assert [job.id for job in harness.ledger.jobs()] == [first.id]
    assert harness.ledger.submit(spec(), photos(5), "other", "print").id != first.id


def test_the_same_key_for_something_else_is_refused(harness: LedgerHarness) -> None:
    harness.ledger.submit(spec(), photos(5), "key", "print")
    with pytest.raises(Conflict) as refused:
        harness.ledger.submit(spec(), photos(6), "key", "another")
    assert (refused.value.code, refused.value.status) == ("idempotency_mismatch", 422)


def test_concurrent_requests_with_one_key_make_one_job(harness: LedgerHarness) -> None:
    start = threading.Barrier(8)
    refusals: set[str] = set()

    def submit(_: int) -> str | None:
        start.wait()
        try:
            return harness.ledger.submit(spec(), photos(300), "key", "print").id
        except Conflict as refused:
            refusals.add(refused.code)
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = {answer for answer in pool.map(submit, range(8)) if answer}
    assert len(answers) == 1
    assert refusals <= {"idempotency_in_progress"}
    job = harness.ledger.job(answers.pop())
    assert [j.id for j in harness.ledger.jobs()] == [job.id]
    harness.admit(job)
    harness.drain(harness.worker())
    harness.check(job)


class Dies(Exception):
    pass


def interrupted(after: int) -> Any:
    """Items whose source breaks after so many."""

    def items() -> Any:
        for item in photos(300):
            if item.index == after:
                raise Dies
            yield item

    return items()


def test_a_request_that_died_half_way_is_taken_up_by_its_repetition(harness: LedgerHarness) -> None:
    submission = harness.ledger._submission
    with pytest.raises(Dies):
        submission.submit(spec(), interrupted(200), 300, "key", "print")
    assert harness.ledger.jobs() == []
    assert harness.ledger.active() == []
    dead = submission.known("key")
    assert dead is None
    # While the dead request's lock lasts, a repetition is told to wait; a minute later it is gone.
    with pytest.raises(Conflict):
        submission.submit(spec(), photos(300), 300, "key", "print")
    for name in harness.redis.scan_iter("weft:*:receiving"):
        harness.redis.delete(name)
    job = harness.ledger.submit(spec(), photos(300), "key", "print")
    harness.admit(job)
    harness.drain(harness.worker())
    assert harness.check(job).total == 300


def test_a_request_that_slept_through_its_lock_does_not_touch_what_replaced_it(harness: LedgerHarness) -> None:
    submission = harness.ledger._submission
    accepted = []

    def slow() -> Any:
        for item in photos(100):
            if item.index == 80:
                # It slept for more than a minute: its lock is gone, the client tried again and was served.
                (name,) = harness.redis.scan_iter("weft:*:receiving")
                harness.redis.delete(name)
                accepted.append(harness.ledger.submit(spec(), photos(100), "key", "print"))
                harness.admit(accepted[0])
                harness.drain(harness.worker())
            yield item

    with pytest.raises(Conflict):
        submission.submit(spec(), slow(), 100, "key", "print")
    harness.admit(accepted[0])
    harness.drain(harness.worker())
    assert harness.check(accepted[0]).total == 100


def test_a_key_whose_job_was_accepted_in_between_is_answered_with_that_job(harness: LedgerHarness) -> None:
    # The other request ends between this one's look at the key and its own first write.
    submission = harness.ledger._submission
    known = submission.known
    first = []

    def late(key: str, fingerprint: str | None = None) -> str | None:
        found = known(key, fingerprint)
        if not first:
            first.append(None)
            first[0] = harness.ledger.submit(spec(), photos(10), "key", "print")
        return found

    submission.known = late  # type: ignore[method-assign]
    again = harness.ledger.submit(spec(), photos(10), "key", "print")
    assert again.id == first[0].id  # type: ignore[attr-defined]
    harness.admit(again)
    harness.drain(harness.worker())
    assert harness.check(again).total == 10


def test_what_was_never_accepted_is_removed(harness: LedgerHarness) -> None:
    with pytest.raises(Dies):
        harness.ledger._submission.submit(spec(), interrupted(200), 300)
    (job_id,) = harness.redis.zrange(keys.RECEIVING, 0, -1)
    harness.redis.zadd(keys.RECEIVING, {job_id: 1})
    harness.dispatcher.remove_dead_submissions()
    assert not list(harness.redis.scan_iter("weft:{*"))


def test_names_and_paths_of_any_bytes_survive(harness: LedgerHarness) -> None:
    odd = [Item(0, "布料/真丝 🧵.jpg", sha256="aa"), Item(1, "b", path="/p/\udcb2\udcbc.jpg", size=2**40, mtime=1.5)]
    job = harness.ledger.submit(spec(lane=Lane.INTERACTIVE), odd)
    claim = harness.worker().claim(Lane.INTERACTIVE)
    assert claim is not None
    assert list(claim.items) == odd
    assert job.total == 2


def test_a_full_ledger_refuses_and_keeps_nothing(harness: LedgerHarness) -> None:
    harness.redis.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(Unavailable) as refused:
            harness.submit(10)
        assert refused.value.code == "memory_full"
        assert harness.ledger.jobs() == []
    finally:
        harness.redis.config_set("maxmemory", "0")


def test_an_unknown_job_is_not_found(harness: LedgerHarness) -> None:
    for call in (harness.ledger.job, harness.ledger.cancel, harness.ledger.pause, harness.ledger.retry):
        with pytest.raises(NotFound):
            call("nosuchjob")
