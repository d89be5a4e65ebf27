"""A rolling upgrade: workers of an earlier version and of this one on one ledger, then this version alone; and back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from shared.jobs.model import Job, JobState
from tests.faults.record import Record
from tests.faults.site import LEASE, PHOTOS, SLEEP_MS, Site
from tests.product import ROOT, Product, await_ready, eventually, make_photos, run_product, start_product

pytestmark = pytest.mark.long
#: A landed commit with the present packages and demo model: with another model, a worker rightly refuses the bank.
EARLIER = "e7919ab"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The earlier version's code; a checkout without history cannot have it."""
    folder = tmp_path / "earlier"
    folder.mkdir()
    packed = subprocess.run(["git", "archive", EARLIER], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"no commit {EARLIER} in this checkout")
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder


@pytest.mark.timeout(600)
def test_old_and_new_workers_share_a_job(
    earlier: Path, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    settings = {"engine": f"sleep:{SLEEP_MS}", "lease_seconds": str(LEASE), "ledger_mb": "256", "cache_mb": "16"}
    with monkeypatch.context() as patch:
        patch.setattr("tests.product.ROOT", earlier)
        with run_product(folder, workers=1, **settings) as old:  # type: ignore[arg-type]
            patch.undo()
            site = Site(old, 1)
            try:
                job = share(site)
                old.stop()
            finally:
                site.end_extra()
    new = start_product(folder, "--workers", "1", **settings)
    try:
        await_ready(new, 1)
        site = Site(new, 1)
        ended = site.await_end(site.job(job.id))
        site.check(record, ended, None)
        assert ended.ok == ended.total == 6 * PHOTOS
        site.check(record, site.await_end(site.submit(site.folder(50))), None)
    finally:
        new.stop()


@pytest.mark.timeout(600)
def test_the_earlier_version_is_put_back(earlier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses what it does not know in words, leaves it as it is, and does the rest."""
    folder = tmp_path / "site"
    settings = {"engine": "sleep:3", "ledger_mb": "256", "cache_mb": "16"}
    with run_product(folder, **settings) as new:  # type: ignore[arg-type]
        first = finished(new, "first")
        rows = items(new, first)
        assert rows.ok
        assert len(rows.json()["items"]) == 20
    with monkeypatch.context() as patch:
        patch.setattr("tests.product.ROOT", earlier)
        with run_product(folder, **settings) as old:  # type: ignore[arg-type]
            refused = items(old, first)
            assert refused.status_code == 409
            assert "newer version of Weft" in refused.json()["detail"]
            second = finished(old, "second")
            assert items(old, second).ok
    with run_product(folder, **settings) as again:  # type: ignore[arg-type]
        assert items(again, first).json()["items"] == rows.json()["items"]
        assert len(items(again, second).json()["items"]) == 20


def finished(product: Product, name: str) -> str:
    """A job of 20 photos, at its end."""
    folder = make_photos(product.photos / name, 4, 5)
    made = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": str(folder)}, timeout=60).json()
    job = f"{product.url}/api/v1/jobs/{made['id']}"
    eventually(lambda: requests.get(job, timeout=60).json()["state"] == "finished", what=name)
    return str(made["id"])


def items(product: Product, job_id: str) -> requests.Response:
    return requests.get(f"{product.url}/api/v1/jobs/{job_id}/items", timeout=60)


def share(site: Site) -> Job:
    """A job that a worker of either version has a part in; stopped in the middle."""
    site.start_worker()
    site.await_workers(2)
    job = site.submit(site.folder(6 * PHOTOS))

    def both() -> bool:
        beats = site.ledger.workers()
        return len(beats) == 2 and all(beat["photos"] for beat in beats)

    eventually(both, 60, "the work of both")
    assert site.job(job.id).state is JobState.RUNNING
    return job
