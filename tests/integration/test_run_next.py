"""A job that a person moves to the front has all turns of its priority until it is done; others keep their share."""

from __future__ import annotations

from collections import Counter

import pytest
from flask.testing import FlaskClient

from scripts.cli import main as cli
from shared.core.errors import Conflict, NotFound
from shared.core.settings import Settings
from shared.jobs.estimate import Rival, share_of_turns
from shared.jobs.ledger import keys
from shared.jobs.model import Job, Lane, Priority
from tests.integration.test_dispatcher_turns import at_work, underway
from tests.integration.test_priorities import served
from tests.ledger_harness import LedgerHarness
from tests.product import eventually


def begun(order: list[str]) -> list[str]:
    """Jobs in the order of their last chunks."""
    return list(dict.fromkeys(reversed(order)))[::-1]


def test_it_has_all_turns_until_it_is_done(harness: LedgerHarness) -> None:
    jobs = [harness.submit(400, name) for name in "abcd"]
    order = served(harness, jobs, 3)
    harness.ledger.precede(jobs[2].id)
    assert harness.ledger.job(jobs[2].id).first
    while harness.ledger.job(jobs[2].id).first:
        order += served(harness, jobs, 1)
    own = [place for place, job in enumerate(order) if job == jobs[2].id and place >= 3]
    # One chunk was admitted when it was moved; from then on it is alone.
    assert own == list(range(own[0], own[0] + len(own)))
    assert own[0] <= 4
    assert harness.ledger.job(jobs[2].id).ended
    # After it, the others take turns as before.
    counts = Counter(served(harness, jobs, 30))
    assert set(counts) == {jobs[0].id, jobs[1].id, jobs[3].id}


def test_the_one_that_was_moved_last_is_the_first(harness: LedgerHarness) -> None:
    jobs = [harness.submit(200, name) for name in "abcd"]
    harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], 0)
    for job in (jobs[1], jobs[3], jobs[2]):
        harness.ledger.precede(job.id)
    places = {job.name: job.place for job in harness.ledger.listed()}
    assert places == {"c": 1, "d": 2, "b": 3, "a": 4}
    # What joins the rota again, as after a pause, stands where it stood; one that was never on it, too.
    harness.ledger.pause(jobs[3].id)
    served(harness, jobs, 1)
    harness.ledger.resume(jobs[3].id)
    late = harness.submit(200, "late")
    harness.ledger.prioritise(jobs[0].id, Priority.NORMAL)
    order = served(harness, [*jobs, late], 4)
    assert set(order[1:]) == {jobs[2].id}
    while not all(harness.ledger.job(job.id).ended for job in jobs[1:]):
        order += served(harness, [*jobs, late], 1)
    assert [job for job in begun(order) if job in {one.id for one in jobs[1:]}] == [
        jobs[2].id,
        jobs[3].id,
        jobs[1].id,
    ]


def test_other_priorities_keep_their_share(harness: LedgerHarness) -> None:
    jobs = [harness.submit(8000, priority.value, priority=priority) for priority in Priority]
    jobs.append(harness.submit(8000, "normal too"))
    harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], 0)
    harness.ledger.precede(jobs[3].id)
    counts = Counter(served(harness, jobs, 100))
    assert [counts[job.id] for job in jobs] == [75, 0, 5, 20]
    harness.ledger.precede(jobs[3].id, first=False)
    counts = Counter(served(harness, jobs, 100))
    assert counts[jobs[1].id] + counts[jobs[3].id] == 20
    assert abs(counts[jobs[1].id] - counts[jobs[3].id]) <= 2


def test_the_priority_of_one_at_the_front_may_change(harness: LedgerHarness) -> None:
    jobs = [harness.submit(2000, name) for name in "ab"]
    harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], 0)
    harness.ledger.precede(jobs[0].id)
    harness.ledger.prioritise(jobs[0].id, Priority.LOW)
    counts = Counter(served(harness, jobs, 40))
    assert counts[jobs[0].id] == 2


def test_with_the_real_dispatcher(harness: LedgerHarness, ledger_settings: Settings) -> None:
    large, wanted = harness.submit(4000, "large"), harness.submit(1500, "wanted")
    with at_work(harness, ledger_settings, 2):
        underway(harness, large)
        harness.ledger.precede(wanted.id)
        done = harness.ledger.job(large.id).done
        eventually(lambda: harness.ledger.job(wanted.id).ended, what="the end of the job at the front")
        # What was admitted before, and what begins when its last chunks are in hand.
        assert harness.ledger.job(large.id).done - done <= 14 * 170
        harness.ledger.cancel(large.id)


def test_shares_in_estimates() -> None:
    assert share_of_turns("normal", [Rival(9, "normal")]) == 0.5
    assert share_of_turns("normal", [Rival(9, "normal")], first=5.0) == 1.0
    assert share_of_turns("normal", [Rival(9, "normal", 6.0)], first=5.0) == 0.0
    assert share_of_turns("normal", [Rival(9, "normal", 6.0), Rival(9, "low", 7.0)]) == 0.0
    assert share_of_turns("low", [Rival(9, "normal", 6.0), Rival(9, "low", 7.0)], first=8.0) == 0.05


def test_an_ended_job_cannot_be_moved(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.ledger.cancel(job.id)
    with pytest.raises(Conflict):
        harness.ledger.precede(job.id)
    with pytest.raises(NotFound):
        harness.ledger.precede("nothing")


def test_by_api_pages_and_command_line(
    ledger_client: FlaskClient, ledger_site: Settings, harness: LedgerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Job] = [harness.submit(60, name) for name in "abc"]

    def first(job: Job) -> bool:
        return harness.ledger.job(job.id).first is not None

    assert ledger_client.patch(f"/api/v1/jobs/{jobs[0].id}", json={"first": True}).get_json()["first"]
    assert "has all turns of its priority" in ledger_client.get(f"/jobs/{jobs[0].id}").get_data(as_text=True)
    ledger_client.post(f"/jobs/{jobs[0].id}/first")
    assert not first(jobs[0])
    ledger_client.post(f"/jobs/{jobs[0].id}/first", data={"first": "1"})
    assert first(jobs[0])
    harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], 0)
    answer = ledger_client.post(
        "/jobs/acts", data={"act": "first", "job": [jobs[2].id, jobs[1].id]}, follow_redirects=True
    )
    assert "Moved to the front: 2." in answer.get_data(as_text=True)
    assert "Runs first" in answer.get_data(as_text=True)
    # The one on top of the list is the first.
    rota = harness.redis.lrange(keys.rota(jobs[0].identity, "bulk"), 0, -1)
    assert [job.decode() for job in reversed(rota)] == [jobs[2].id, jobs[1].id, jobs[0].id]
    assert ledger_site.redis_url
    monkeypatch.setenv("WEFT_REDIS_URL", ledger_site.redis_url.get_secret_value())
    assert cli.run(["change", jobs[2].id, "--not-first", "--data-dir", str(ledger_site.data_dir)]) == 0
    assert not first(jobs[2])
    assert cli.run(["change", jobs[2].id, "--first", "--data-dir", str(ledger_site.data_dir)]) == 0
    assert first(jobs[2])
