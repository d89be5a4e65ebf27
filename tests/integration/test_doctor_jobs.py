"""`weft doctor` where a job is the trouble: it stands still, became slow, or no worker sees its folder."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scripts.cli import work_checks
from scripts.cli.diagnostics import examine
from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.heartbeat import BlockedJob, Heartbeat, HeartbeatError, WorkerState
from shared.jobs.ledger import Ledger, keys
from tests.bank_api import call, finished, submit_photos
from tests.doctor import said
from tests.ledger_harness import LedgerHarness
from tests.product import eventually, make_photos, run_product


@pytest.mark.long
def test_a_job_that_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_product(tmp_path, engine="sleep:2000", micro_batch="4", appendfsync="everysec") as product:
        job = submit_photos(product, "slow", 8)
        monkeypatch.setattr(work_checks, "STUCK_SECONDS", 0.5)
        what = f"job {job['id']}"
        eventually(lambda: any(f.what == what for f in examine(product.settings)), what="the finding")
        text = said(examine(product.settings), what, "broken")
        [worker] = [worker["id"] for worker in call(product, "GET", "/workers")["workers"]]
        assert "stands still" in text
        assert worker in text
        assert "restart it" in text
        finished(product, job)
        assert not [f for f in examine(product.settings) if f.what == what]


def test_a_job_that_became_slow(settings: Settings, redis_pair: embedded.Pair) -> None:
    ledger = Ledger.connect(settings)
    harness = LedgerHarness(ledger)
    job = harness.submit(1000, "night")
    harness.admit(job, 1)
    assert harness.worker().claim(job.lane)
    # Ten photos a second for ten minutes, and one in five seconds since.
    now, pace = time.time(), keys.job(job.id, "pace")
    ledger.connection.redis.hset(keys.job(job.id, "meta"), "started", now - 640)
    ledger.connection.redis.delete(pace)
    steady = [(now - 640 + 10 * n, 100 * n) for n in range(1, 61)]
    slow = [(now - 35 + 5 * n, 6000 + n) for n in range(8)]
    ledger.connection.redis.rpush(pace, *(f"{at:.3f} {done} 0" for at, done in (*steady, *slow)))
    text = said(examine(settings), f"job {job.id}", "note")
    assert "0.2 photos/s now, 9.8 before" in text
    assert "share" in text
    ledger.connection.redis.delete(pace)
    ledger.connection.redis.rpush(pace, *(f"{now - 60 + n:.3f} {5800 + 10 * n} 0" for n in range(60)))
    assert not [f for f in examine(settings) if f.what == f"job {job.id}"]
    harness.ledger.cancel(job.id)
    ledger.connection.redis.close()


def test_a_workers_error_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    error = HeartbeatError(code="bank_missing", detail={"version": "b"})
    blocked = [BlockedJob(job="j", code=code, detail={"version": "b"}) for code in ("bank_missing", "index_missing")]
    worker = Heartbeat(id="w", state=WorkerState.ERROR, error=error, blocked_jobs=blocked)
    monkeypatch.setattr(work_checks, "live_workers", lambda ledger: [worker])
    found = [finding.text for finding in work_checks.workers(None)]  # type: ignore[arg-type]
    assert len(found) == len(set(found)) == 2


@pytest.mark.long
def test_no_worker_sees_the_jobs_folder(tmp_path: Path) -> None:
    # Slow enough that the folder goes while there is work left.
    with run_product(tmp_path, engine="sleep:100", preset="standard", appendfsync="everysec") as product:
        folder = make_photos(product.photos / "night", classes=4, each=30)
        job = call(product, "POST", "/jobs/folder", {"path": str(folder)}, 202)
        eventually(lambda: call(product, "GET", f"/jobs/{job['id']}")["state"] == "running", what="its begin")
        away = product.settings.data_dir / "away"
        folder.rename(away)
        what = f"job {job['id']}"
        eventually(lambda: any((f.what, f.state) == (what, "broken") for f in examine(product.settings)))
        text = said(examine(product.settings), what, "broken")
        assert str(folder) in text
        away.rename(folder)
        assert finished(product, job, 120)["ok"] == 120
