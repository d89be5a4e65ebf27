"""A backup of a running product, taken in the middle of a job: restored elsewhere, the job goes on and ends exactly."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.jobs.model import JobState
from tests.faults.record import Record
from tests.faults.site import PHOTOS, RUNS, Site, running_site
from tests.product import make_photos


@pytest.mark.long
def test_a_half_done_job_goes_on_after_a_restore(site: Site, record: Record, tmp_path: Path) -> None:
    for run in range(RUNS):
        name = f"corrected-{run}"
        done_folder = site.folder(20)
        done = site.await_end(site.submit(done_folder))
        label = {"label": name, "new_class": True}
        answer = requests.patch(f"{site.product.url}/api/v1/jobs/{done.id}/items/3", json=label, timeout=10)
        assert answer.ok, answer.text
        uploaded = upload(site, make_photos(tmp_path / f"upload-{run}"))
        target = tmp_path / f"backup-{run}"
        back_up(site, target)
        folder = site.folder(12 * PHOTOS)
        job = site.submit(folder)
        site.await_done(job, 100)
        # The second one copies only what is new.
        assert back_up(site, target)["new_files"] < 10
        assert site.job(job.id).state is JobState.RUNNING, "the job should be larger"
        site.ledger.cancel(job.id)
        data = tmp_path / f"restored-{run}" / "data"
        restored = site.product.weft("restore", target, "--data-dir", data, "--json")
        assert restored.returncode == 0, restored.stderr
        assert json.loads(restored.stdout)["jobs"] >= 2
        began = time.monotonic()
        # The vectors of `null` are those of `sleep`, and it does not sleep.
        with running_site(data.parent, engine="null", folder_roots=str(site.product.photos)) as other:
            again = other.await_end(job)
            record.recovered(time.monotonic() - began)
            other.check(record, again, folder)
            other.check(record, other.job(done.id), done_folder)
            assert other.await_end(other.job(uploaded)).ok == 24
            url = f"{other.product.url}/api/v1/jobs/{done.id}/items?limit=100"
            items = requests.get(url, timeout=10).json()["items"]
            assert [i["corrected"] for i in items if i["corrected"]] == [name]


def back_up(site: Site, target: Path) -> dict[str, Any]:
    made = site.product.weft("backup", target, "--json")
    assert made.returncode == 0, made.stderr
    return dict(json.loads(made.stdout))


def upload(site: Site, photos: Path) -> str:
    """A job of uploaded photos; its blobs have to be in the backup. Returns its id."""
    files = [("files", (p.name, p.read_bytes(), "image/jpeg")) for p in sorted(photos.rglob("*.jpg"))]
    answer = requests.post(f"{site.product.url}/api/v1/jobs", files=files, timeout=30)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
