"""A running job of a real product says when it will be done; a listing one says nothing, an ended one is scored."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.jobs.estimate import Estimate, Moment
from shared.jobs.ledger import course, keys
from shared.jobs.model import Job
from tests.ledger_harness import LedgerHarness, spec
from tests.product import eventually, make_photos, run_product
from worker.dispatcher.forecasting import Forecaster


def _heartbeat(harness: LedgerHarness, job: Job, name: str = "w1") -> None:
    harness.ledger.record_heartbeat(name, {"id": name, "state": "busy", "identity": job.identity, "lanes": ["bulk"]})


def _advance(harness: LedgerHarness, forecaster: Forecaster, job: Job, looks: int, start: float) -> float:
    """Ten photos every ten seconds; returns the time of the last look."""
    meta = keys.job(job.id, "meta")
    for step in range(1, looks + 1):
        harness.redis.hincrby(meta, "ok", 10)
        forecaster.look(start + 10 * step)
    return start + 10 * looks


def _running(harness: LedgerHarness, **fields: Any) -> Job:
    job = harness.ledger.submit_folder(spec(path="/photos", kind="folder"))
    now = time.time()
    known = {"total": 1000, "ok": 100, "started": now - 100, "listed": 1, "state": "running", **fields}
    harness.redis.hset(keys.job(job.id, "meta"), mapping=known)
    _heartbeat(harness, job)
    return job


@pytest.mark.long
def test_product_tells_the_end_on_page_api_and_command_line(tmp_path: Path) -> None:
    with run_product(tmp_path, engine="sleep:400", preset="standard", decode_processes="1") as product:
        make_photos(product.photos / "night", classes=60, each=20)
        answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": "night"}, timeout=30).json()
        assert (answer["done_at"], answer["done_between"], answer["with_another_worker"]) == (None, None, None)
        address = f"{product.url}/api/v1/jobs/{answer['id']}"

        def job() -> dict[str, Any]:
            found: dict[str, Any] = requests.get(address, timeout=30).json()
            return found

        eventually(lambda: job()["done_at"] is not None, 120, "an estimate")
        told = job()
        assert told["done_between"][0] <= told["done_at"] <= told["done_between"][1]
        assert time.time() < told["with_another_worker"] < told["done_at"]
        page = requests.get(f"{product.url}/jobs/{answer['id']}", timeout=30, headers={"Accept-Language": "en"}).text
        assert "Expected end: <time" in page
        assert "with 1 worker" in page
        listed = json.loads(product.weft("jobs", "--json").stdout)["jobs"][0]
        assert listed["done_at"] is not None
        requests.post(f"{address}/pause", timeout=30)
        assert job()["done_at"] is None
        requests.post(f"{address}/cancel", timeout=30)
        assert job()["done_at"] is None


def test_estimate_comes_once_the_list_is_complete(harness: LedgerHarness) -> None:
    job = _running(harness, listed=0, state="listing")
    forecaster, start = Forecaster(harness.ledger), time.time()
    last = _advance(harness, forecaster, job, 10, start)
    assert harness.ledger.job(job.id).estimate is None
    harness.redis.hset(keys.job(job.id, "meta"), mapping={"listed": 1, "state": "running"})
    forecaster.look(last + 1)
    found = harness.ledger.job(job.id).estimate
    assert found is not None
    assert abs(found.done_at - (last + 800)) < 80


def test_estimate_goes_with_the_workers(harness: LedgerHarness) -> None:
    job = _running(harness)
    forecaster = Forecaster(harness.ledger)
    last = _advance(harness, forecaster, job, 10, time.time())
    assert harness.ledger.job(job.id).estimate is not None
    harness.ledger.deregister_worker("w1")
    forecaster.look(last + 1)
    assert harness.ledger.job(job.id).estimate is None


def test_another_worker_halves_what_is_left(harness: LedgerHarness) -> None:
    job = _running(harness)
    forecaster = Forecaster(harness.ledger)
    last = _advance(harness, forecaster, job, 10, time.time())
    promised = harness.ledger.job(job.id).estimate
    assert promised is not None
    _heartbeat(harness, job, "w2")
    forecaster.look(last + 1)
    kept = harness.ledger.job(job.id).estimate
    assert kept is not None
    assert (promised.workers, kept.workers) == (1, 2)
    assert abs(kept.done_at - promised.with_another) < 20


def test_course_outlives_the_dispatcher_and_goes_with_the_job(harness: LedgerHarness) -> None:
    job = _running(harness)
    last = _advance(harness, Forecaster(harness.ledger), job, 6, time.time())
    _advance(harness, Forecaster(harness.ledger), job, 1, last)
    assert len(course.course(harness.ledger.connection, job.id)) == 7
    assert harness.ledger.job(job.id).estimate is not None
    harness.ledger.connection.scripts.remove(job.id, None, released=False)
    assert not list(harness.redis.scan_iter(keys.job(job.id, "*")))


def test_ended_job_is_scored_once_and_its_course_forgotten(harness: LedgerHarness, capsys: Any) -> None:
    job = _running(harness)
    forecaster = Forecaster(harness.ledger)
    last = _advance(harness, forecaster, job, 85, time.time())
    assert sorted(course.said(harness.ledger.connection, job.id)) == [10, 50, 90]
    harness.redis.hset(keys.job(job.id, "meta"), mapping={"state": "finished", "finished": last + 50})
    harness.redis.srem(keys.ACTIVE, job.id)
    forecaster.look(last + 51)
    forecaster.look(last + 52)
    lines = [line for line in capsys.readouterr().out.splitlines() if "estimate_scored" in line]
    assert len(lines) == 1
    assert all(word in lines[0] for word in ("error_10", "error_50", "error_90", "held_90"))
    assert course.course(harness.ledger.connection, job.id) == []


def test_course_of_another_version_is_begun_again(harness: LedgerHarness) -> None:
    job = _running(harness)
    harness.redis.rpush(keys.job(job.id, "course"), "{}")
    forecaster = Forecaster(harness.ledger)
    _advance(harness, forecaster, job, 2, time.time())
    assert all(isinstance(moment, Moment) for moment in course.course(harness.ledger.connection, job.id))


def test_estimate_is_not_shown_when_nobody_renews_it(harness: LedgerHarness) -> None:
    job = _running(harness)
    found = Estimate(time.time() + 100, time.time() + 50, time.time() + 200, 1, time.time() + 50)
    course.leave(harness.ledger.connection, job.id, [Moment(1.0, 1, 0, 1.0)], False, found, 0.05)
    assert 0 < harness.redis.pttl(keys.job(job.id, "estimate")) <= 50
