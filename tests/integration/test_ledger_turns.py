"""Jobs take turns: a night's job does not keep a later one out, and only so much is admitted at once."""

from __future__ import annotations

from collections import Counter

from shared.jobs.ledger import keys
from shared.jobs.model import Lane
from tests.desk import Desk


def ready(desk: Desk, identity: str) -> list[str]:
    return [e.decode().split()[0] for e in desk.redis.lrange(keys.ready(identity, "bulk"), 0, -1)]


def test_only_so_much_is_admitted(desk: Desk) -> None:
    job = desk.submit(1000)
    assert desk.admit(job, 4) == 4
    assert desk.office.waiting(job.identity, "bulk") == 4


def test_an_ended_chunk_makes_room_for_the_next(desk: Desk) -> None:
    job = desk.submit(1000)
    desk.admit(job, 2)
    worker = desk.worker()
    while claim := worker.claim(Lane.BULK):
        desk.finish(worker, claim)
        assert desk.office.waiting(job.identity, "bulk") <= 2
    desk.check(job)


def test_a_later_job_does_not_wait_for_the_nights(desk: Desk) -> None:
    night = desk.submit(2000, "night")
    desk.admit(night, 4)
    worker = desk.worker()
    for _ in range(3):
        claim = worker.claim(Lane.BULK)
        assert claim is not None
        desk.finish(worker, claim)
    late = desk.submit(500, "late")
    desk.admit(late, 1)
    # From here on both have chunks left and share: neither gets two more than the other over any stretch.
    served: list[str] = []
    while desk.ledger.job(late.id).state != "finished":
        claim = worker.claim(Lane.BULK)
        assert claim is not None
        served.append(claim.job)
        desk.finish(worker, claim)
    assert Counter(served)[night.id] <= Counter(served)[late.id] + 6
    desk.drain(worker)
    desk.check(night)
    desk.check(late)


def test_a_paused_job_loses_its_turn_and_gets_it_back(desk: Desk) -> None:
    one, two = desk.submit(300, "one"), desk.submit(300, "two")
    desk.admit(one, 1)
    desk.admit(two, 1)
    desk.ledger.pause(one.id)
    desk.admit(two, 1)
    served = desk.drain(desk.worker())
    assert {claim.job for claim in served} == {two.id}
    desk.check(two)
    desk.ledger.resume(one.id)
    desk.admit(one, 1)
    desk.drain(desk.worker())
    desk.check(one)


def test_the_queue_shows_what_waits(desk: Desk) -> None:
    job = desk.submit(200)
    desk.admit(job, 3)
    queue = desk.ledger.queue()
    assert queue["bulk"]["ready"] == 3
    assert 0 <= queue["bulk"]["oldest"] < 60
    assert queue["interactive"] == {"ready": 0, "oldest": None}
