"""Submitting: everything is written before it is accepted, and one Idempotency-Key makes one job."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.core.errors import Conflict, NotFound, Unavailable
from shared.jobs.ledger import keys
from shared.jobs.model import Item, Lane
from tests.desk import Desk, photos, spec


def test_an_accepted_job_holds_every_item(desk: Desk) -> None:
    job = desk.submit(200)
    assert (job.state, job.total, job.listed) == ("queued", 200, True)
    desk.admit(job)
    claimed = [item for claim in desk.drain(desk.worker()) for item in claim.items]
    assert claimed == photos(200)
    desk.check(job)


def test_an_interactive_job_can_be_claimed_before_any_dispatcher_looks(desk: Desk) -> None:
    job = desk.submit(3, lane=Lane.INTERACTIVE)
    desk.drain(desk.worker(), Lane.INTERACTIVE)
    desk.check(job)


def test_a_job_without_items_is_finished_at_once(desk: Desk) -> None:
    assert desk.ledger.submit(spec(), []).state == "finished"


def test_the_same_key_gives_the_same_job(desk: Desk) -> None:
    first = desk.ledger.submit(spec(), photos(5), "key", "print")
    again = desk.ledger.submit(spec(), photos(5), "key", "print")
    assert again.id == first.id
    assert [job.id for job in desk.ledger.jobs()] == [first.id]
    assert desk.ledger.find_idempotent("key").id == first.id  # type: ignore[union-attr]
    assert desk.ledger.find_idempotent("other") is None


def test_the_same_key_for_something_else_is_refused(desk: Desk) -> None:
    desk.ledger.submit(spec(), photos(5), "key", "print")
    with pytest.raises(Conflict) as refused:
        desk.ledger.submit(spec(), photos(6), "key", "another")
    assert (refused.value.code, refused.value.status) == ("idempotency_mismatch", 422)


def test_concurrent_requests_with_one_key_make_one_job(desk: Desk) -> None:
    start = threading.Barrier(8)
    refusals: set[str] = set()

    def submit(_: int) -> str | None:
        start.wait()
        try:
            return desk.ledger.submit(spec(), photos(300), "key", "print").id
        except Conflict as refused:
            refusals.add(refused.code)
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = {answer for answer in pool.map(submit, range(8)) if answer}
    assert len(answers) == 1
    assert refusals <= {"idempotency_in_progress"}
    job = desk.ledger.job(answers.pop())
    assert [j.id for j in desk.ledger.jobs()] == [job.id]
    desk.admit(job)
    desk.drain(desk.worker())
    desk.check(job)


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


def test_a_request_that_died_half_way_is_taken_up_by_its_repetition(desk: Desk) -> None:
    submission = desk.ledger._submission
    with pytest.raises(Dies):
        submission.submit(spec(), interrupted(200), 300, "key", "print")
    assert desk.ledger.jobs() == []
    assert desk.ledger.active() == []
    dead = submission.known("key")
    assert dead is None
    # While the dead request's lock lasts, a repetition is told to wait; a minute later it is gone.
    with pytest.raises(Conflict):
        submission.submit(spec(), photos(300), 300, "key", "print")
    for name in desk.redis.scan_iter("weft:*:receiving"):
        desk.redis.delete(name)
    job = desk.ledger.submit(spec(), photos(300), "key", "print")
    desk.admit(job)
    desk.drain(desk.worker())
    assert desk.check(job).total == 300


def test_a_request_that_slept_through_its_lock_does_not_touch_what_replaced_it(desk: Desk) -> None:
    submission = desk.ledger._submission
    accepted = []

    def slow() -> Any:
        for item in photos(100):
            if item.index == 80:
                # It slept for more than a minute: its lock is gone, the client tried again and was served.
                (name,) = desk.redis.scan_iter("weft:*:receiving")
                desk.redis.delete(name)
                accepted.append(desk.ledger.submit(spec(), photos(100), "key", "print"))
                desk.admit(accepted[0])
                desk.drain(desk.worker())
            yield item

    with pytest.raises(Conflict):
        submission.submit(spec(), slow(), 100, "key", "print")
    desk.admit(accepted[0])
    desk.drain(desk.worker())
    assert desk.check(accepted[0]).total == 100


def test_a_key_whose_job_was_accepted_in_between_is_answered_with_that_job(desk: Desk) -> None:
    # The other request ends between this one's look at the key and its own first write.
    submission = desk.ledger._submission
    known = submission.known
    first = []

    def late(key: str, fingerprint: str | None = None) -> str | None:
        found = known(key, fingerprint)
        if not first:
            first.append(None)
            first[0] = desk.ledger.submit(spec(), photos(10), "key", "print")
        return found

    submission.known = late  # type: ignore[method-assign]
    again = desk.ledger.submit(spec(), photos(10), "key", "print")
    assert again.id == first[0].id  # type: ignore[attr-defined]
    desk.admit(again)
    desk.drain(desk.worker())
    assert desk.check(again).total == 10


def test_what_was_never_accepted_is_removed(desk: Desk) -> None:
    with pytest.raises(Dies):
        desk.ledger._submission.submit(spec(), interrupted(200), 300)
    (job_id,) = desk.redis.zrange(keys.RECEIVING, 0, -1)
    desk.redis.zadd(keys.RECEIVING, {job_id: 1})
    desk.office.remove_dead_submissions()
    assert not list(desk.redis.scan_iter("weft:{*"))


def test_names_and_paths_of_any_bytes_survive(desk: Desk) -> None:
    odd = [Item(0, "布料/真丝 🧵.jpg", sha256="aa"), Item(1, "b", path="/p/\udcb2\udcbc.jpg", size=2**40, mtime=1.5)]
    job = desk.ledger.submit(spec(lane=Lane.INTERACTIVE), odd)
    claim = desk.worker().claim(Lane.INTERACTIVE)
    assert claim is not None
    assert list(claim.items) == odd
    assert job.total == 2


def test_a_full_ledger_refuses_and_keeps_nothing(desk: Desk) -> None:
    desk.redis.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(Unavailable) as refused:
            desk.submit(10)
        assert refused.value.code == "memory_full"
        assert desk.ledger.jobs() == []
    finally:
        desk.redis.config_set("maxmemory", "0")


def test_an_unknown_job_is_not_found(desk: Desk) -> None:
    for call in (desk.ledger.job, desk.ledger.cancel, desk.ledger.pause, desk.ledger.retry):
        with pytest.raises(NotFound):
            call("nosuchjob")
