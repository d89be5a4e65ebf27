"""Page, list, API and command line tell one truth about a job that does not move."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests

from shared.jobs.ledger import keys
from shared.jobs.model import Lane
from tests.ledger_harness import LedgerHarness, photos, spec
from tests.product import ROOT, WEFT, eventually, make_photos, run_product, warm_workers


@pytest.mark.slow
def test_job_whose_worker_died_does_not_pretend_to_run(tmp_path: Path) -> None:
    with run_product(tmp_path, workers=0, engine="sleep:30", preset="standard") as product:
        make_photos(product.photos / "night", classes=30, each=20)
        worker = subprocess.Popen([*WEFT, "worker"], env=product.env, cwd=ROOT, start_new_session=True)
        try:
            eventually(lambda: len(warm_workers(product)) == 1, 90, "the worker")
            answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": "night"}, timeout=30).json()
            address = f"{product.url}/api/v1/jobs/{answer['id']}"
            eventually(lambda: (requests.get(address, timeout=30).json()["rate"] or 0) > 5, 60, "a rate")
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        eventually(lambda: requests.get(address, timeout=30).json()["waiting_for"] == "worker", 40, "the truth")
        job = requests.get(address, timeout=30).json()
        assert (job["state"], job["rate"], job["eta"], job["note"]) == ("running", None, None, "no_worker")
        for page in (f"/jobs/{job['id']}", "/jobs"):
            assert "Waiting: no worker ready" in requests.get(product.url + page, timeout=30).text
        listed = json.loads(product.weft("jobs", "--json").stdout)["jobs"][0]
        assert (listed["waiting_for"], listed["eta"]) == ("worker", None)
        assert "waiting for a worker" in product.weft("jobs").stdout


def _pace(harness: LedgerHarness, job_id: str) -> None:
    """Ten photos a second until now."""
    now = time.time()
    samples = [f"{now - 20 + t:.3f} {10 * t} 0" for t in range(20)]
    harness.redis.delete(keys.job(job_id, "pace"))
    harness.redis.rpush(keys.job(job_id, "pace"), *samples)


def test_no_time_left_before_the_list_is_complete(harness: LedgerHarness) -> None:
    job = harness.ledger.submit_folder(spec(path="/photos", kind="folder"))
    harness.redis.hset(keys.job(job.id, "meta"), mapping={"total": 500, "ok": 190, "started": time.time() - 20})
    _pace(harness, job.id)
    listing = harness.ledger.job(job.id)
    assert listing.rate is not None
    assert listing.eta is None
    harness.redis.hset(keys.job(job.id, "meta"), mapping={"listed": 1, "state": "running"})
    assert 25 < (harness.ledger.job(job.id).eta or 0) < 40


def test_paused_job_has_no_speed_and_a_resumed_one_does_not_count_the_pause(harness: LedgerHarness) -> None:
    job = harness.submit(600)
    harness.admit(job)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    harness.finish(worker, claim)
    _pace(harness, job.id)
    harness.ledger.pause(job.id)
    assert (harness.ledger.job(job.id).rate, harness.ledger.job(job.id).eta) == (None, None)
    harness.redis.hset(keys.job(job.id, "meta"), "started", time.time() - 7200)
    harness.ledger.resume(job.id)
    time.sleep(1.1)
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    harness.finish(worker, claim)
    rate = harness.ledger.job(job.id).rate
    assert rate is not None
    assert rate > 5


@pytest.mark.parametrize("code", ["worker_starting", "folder_not_visible_to_some", "folder_gone_while_listing"])
def test_what_a_job_waited_for_is_no_note_once_it_has_ended(harness: LedgerHarness, code: str) -> None:
    """Small jobs end before the dispatcher looks again."""
    job = harness.ledger.submit(spec(), photos(1))
    harness.dispatcher.note(job.id, code, {"workers": "w"})
    assert harness.ledger.job(job.id).note == code
    harness.ledger.steer(job.id, "cancel")
    ended = harness.ledger.job(job.id)
    assert (ended.ended, ended.note, ended.note_detail) == (True, None, {})


def test_what_became_of_a_job_stays_its_note(harness: LedgerHarness) -> None:
    job = harness.ledger.submit(spec(), photos(1))
    harness.dispatcher.note(job.id, "listing_failed")
    harness.ledger.steer(job.id, "cancel")
    assert harness.ledger.job(job.id).note == "listing_failed"
