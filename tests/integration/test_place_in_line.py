"""A queued job says where it stands in the line, and the jobs before it are those that workers are given first."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.model import Job, JobState, Lane, Priority
from tests.banks import by_label, clustered, make_bank
from tests.ledger_harness import LedgerHarness
from web.app import create_app


def begun(harness: LedgerHarness, jobs: list[Job]) -> list[str]:
    """Jobs in the order in which one worker begins them."""
    worker, order = harness.worker(), []
    while claim := worker.claim(Lane.INTERACTIVE) or worker.claim(Lane.BULK):
        order.append(claim.job)
        harness.finish(worker, claim)
        harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], 1)
    return list(dict.fromkeys(order))


def listed(harness: LedgerHarness, jobs: list[Job]) -> list[Job]:
    """These jobs as the list shows them: the Redis of these tests may hold those of others."""
    own = {job.id for job in jobs}
    return [job for job in harness.ledger.listed() if job.id in own]


def places(harness: LedgerHarness, jobs: list[Job]) -> dict[str, int | None]:
    return {job.name: job.place for job in listed(harness, jobs)}


def test_the_places_are_the_order_in_which_jobs_begin(harness: LedgerHarness) -> None:
    jobs = [harness.submit(40, name) for name in ("first", "second", "third")]
    jobs.append(harness.submit(40, "low", priority=Priority.LOW))
    jobs.append(harness.submit(40, "high", priority=Priority.HIGH))
    harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], 1)
    jobs.append(harness.submit(3, "at the counter", Lane.INTERACTIVE))
    found = places(harness, jobs)
    assert sorted(found.values(), key=lambda place: place or 0) == [1, 2, 3, 4, 5, 6]
    assert found["at the counter"] == 1
    assert found["low"] == 6
    named = {job.id: job.name for job in jobs}
    assert [named[job] for job in begun(harness, jobs)][:2] == sorted(found, key=lambda name: found[name] or 0)[:2]


def test_only_queued_jobs_have_one(harness: LedgerHarness) -> None:
    running, queued, paused = (harness.submit(40, name) for name in ("running", "queued", "paused"))
    harness.ledger.pause(paused.id)
    harness.admit(running, 1)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    states = {job.id: (job.state, job.place) for job in listed(harness, [running, queued, paused])}
    assert states.pop(claim.job) == (JobState.RUNNING, None)
    assert states.pop(paused.id) == (JobState.PAUSED, None)
    assert queued.id in {*states, claim.job}
    assert harness.ledger.find(paused.id).place is None


def test_the_page_and_the_api_say_it(harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path) -> None:
    url = SecretStr(addresses(ledger_settings).ledger)
    settings = Settings(data_dir=tmp_path / "data", redis_url=url, engine="null")
    make_bank(settings, by_label(clustered(2)))
    jobs = [harness.submit(40, name) for name in ("first", "second")]
    harness.dispatcher.admit(jobs[0].identity, Lane.BULK, [job.id for job in jobs], 1)
    client = create_app(settings).test_client()
    by_place = {job.place: job.id for job in listed(harness, jobs)}
    second = client.get(f"/api/v1/jobs/{by_place[2]}").get_json()
    assert second["place"] == 2
    assert second["place_message"].startswith("Position 2 in the queue. Jobs take turns")
    assert "Next in the queue: starts as soon as" in client.get(f"/jobs/{by_place[1]}").get_data(as_text=True)
    chinese = client.get("/jobs?lang=zh").get_data(as_text=True)
    assert "排在第 1 位" in chinese
    assert "排在第 2 位" in chinese
