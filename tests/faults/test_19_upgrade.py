"""A rolling upgrade: workers of an earlier version and of this one on one ledger, then this version alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shared.jobs.model import Job, JobState
from tests.faults.record import Record
from tests.faults.site import LEASE, PHOTOS, SLEEP_MS, Site
from tests.product import ROOT, await_ready, eventually, run_product, start_product

pytestmark = pytest.mark.long
#: A landed commit whose demo model is the present one: with another, a worker rightly refuses the bank.
EARLIER = "7f45cb4"


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
