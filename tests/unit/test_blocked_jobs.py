"""A job that cannot be done now is passed over for a while, longer each time, and its note says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.cli import follow
from shared.core.errors import BankError, Unavailable, WeftError
from shared.jobs.heartbeat import BlockedJob, Heartbeat, HeartbeatError, WorkerState
from shared.jobs.model import WAITING_FOR, Job, JobState, Lane
from web import labels
from worker import blocked_jobs
from worker.blocked_jobs import BlockedJobs
from worker.dispatcher.obstacles import left_alone, obstacle

JOB = Job(
    id="j",
    name="job",
    kind="upload",
    state=JobState.RUNNING,
    lane=Lane.BULK,
    preset="standard",
    model="m",
    bank="b",
    identity="i",
    total=1,
    listed=True,
    ok=0,
    failed=0,
    duplicates=0,
    cached=0,
    created=0.0,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(blocked_jobs.time, "monotonic", lambda: now[0])
    return now


def test_the_wait_grows_and_ends_with_the_first_photo(clock: list[float]) -> None:
    jobs = BlockedJobs()
    waits = []
    for _ in range(7):
        jobs.add("j", BankError("bank_missing", version="b"))
        # The other chunks of the same attempt.
        jobs.add("j", BankError("bank_missing", version="b"))
        (told,) = jobs.report()
        assert jobs.waiting() == ["j"]
        waits.append(told.retry_in)
        clock[0] += told.retry_in
        assert jobs.waiting() == []
        # Still said while it is tried.
        assert [row.code for row in jobs.report()] == ["bank_missing"]
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    jobs.done("j")
    assert jobs.report() == []


def test_a_job_that_does_not_come_again_is_forgotten(clock: list[float]) -> None:
    jobs = BlockedJobs()
    jobs.add("j", BankError("bank_missing", version="b"))
    clock[0] += blocked_jobs.FORGET_SECONDS + 2
    assert jobs.report() == []


def test_an_unknown_error_is_said_as_one_of_the_worker(clock: list[float]) -> None:
    jobs = BlockedJobs()
    jobs.add("j", WeftError("not_found", what="x"))
    assert jobs.report()[0].code == "worker_failed"
    assert "x" in jobs.report()[0].detail["reason"]


def worker(name: str = "w", blocked: float | None = None, **values: object) -> Heartbeat:
    told = [BlockedJob(job="j", code="bank_missing", detail={"version": "b"}, retry_in=blocked or 0)]
    return Heartbeat.model_validate(
        {
            "id": name,
            "identity": "i",
            "state": WorkerState.READY,
            "ready_since": 1.0,
            "blocked_jobs": told if blocked is not None else [],
            **values,
        }
    )


def test_the_job_says_what_keeps_every_worker_from_it() -> None:
    assert obstacle(JOB, [worker(blocked=3)]) == ("bank_missing", {"version": "b"})
    # While it is tried again, too.
    assert obstacle(JOB, [worker(blocked=0)]) == ("bank_missing", {"version": "b"})
    assert obstacle(JOB, [worker(blocked=3), worker("other")]) is None
    assert obstacle(replace(JOB, id="other"), [worker(blocked=3)]) is None


def test_chunks_of_a_job_that_all_pass_over_take_nobodys_room() -> None:
    assert left_alone(JOB, [worker(blocked=3)])
    assert left_alone(JOB, [worker(blocked=3), worker("blind", hidden_jobs=["j"])])
    assert not left_alone(JOB, [worker(blocked=0)])
    assert not left_alone(JOB, [worker(blocked=3), worker("other")])
    assert not left_alone(JOB, [])


@pytest.mark.parametrize("identity", ["i", "unknown", None])
def test_a_worker_that_cannot_load_the_bank_says_so_on_the_job(identity: str | None) -> None:
    error = HeartbeatError(code="bank_missing", detail={"version": "b"})
    broken = worker(state=WorkerState.ERROR, ready_since=None, error=error, identity=identity)
    assert obstacle(JOB, [broken]) == ("bank_missing", {"version": "b"})
    other = broken.model_copy(update={"error": HeartbeatError(code="model_no_network")})
    assert obstacle(JOB, [other]) == ("worker_error", {})


def test_all_that_a_job_may_wait_for_has_words_on_pages_and_terminal() -> None:
    assert set(WAITING_FOR.values()) == set(labels.WAITING) == set(follow.WAITING)


def test_an_outage_of_redis_is_no_trouble_of_the_job() -> None:
    assert Unavailable("redis_unavailable").code not in blocked_jobs.OBSTACLES


def test_workers_of_the_same_model_with_other_settings_are_told_apart() -> None:
    other = replace(JOB, identity="i-of-five-views")
    named = worker().model_copy(update={"model": "m"})
    assert obstacle(other, [named]) == ("no_worker_for_settings", {})
    assert obstacle(other, [named.model_copy(update={"model": "another"})]) == ("no_worker_for_model", {})
    assert obstacle(other, []) == ("no_worker", {})
    assert WAITING_FOR["no_worker_for_settings"] == "model"
