"""The disk of a whole data folder is full, on a small file system of the test's own, with both ways to sync."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.record import Record
from tests.faults.site import PHOTOS, RUNS, Site, running_site

pytestmark = pytest.mark.long
MEGABYTES = 96


@pytest.fixture(params=["always", "everysec"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A product on a file system of `MEGABYTES`; mounting one needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    photos = tmp_path / "photos"
    photos.mkdir()
    try:
        with running_site(disk, appendfsync=request.param, folder_roots=str(photos)) as site:
            yield site
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.timeout(1800)
def test_the_disk_is_full_in_mid_job(small: Site, record: Record) -> None:
    ballast = small.product.settings.data_dir.parent / "ballast"
    for _ in range(RUNS):
        folder = small.folder(3 * PHOTOS)
        job = small.submit(folder)
        small.await_done(job, 50)
        fill(ballast)
        try:
            assert refused(small, folder)
            time.sleep(8)
        finally:
            ballast.unlink()
        at, began = small.job(job.id).done, time.monotonic()
        small.await_done(job, min(at, 3 * PHOTOS - 1), 60)
        record.recovered(time.monotonic() - began)
        small.check(record, small.await_end(job), folder)
        small.await_workers()


def refused(site: Site, folder: Path) -> bool:
    """Whether a new job is refused: with 503, or, where Redis is down already, by what comes before the job."""
    answer = requests.post(f"{site.product.url}/api/v1/jobs/folder", json={"path": str(folder)}, timeout=30)
    return answer.status_code == 503


def fill(path: Path) -> None:
    """Writes until nothing goes any more."""
    block = bytes(65536)
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        while len(block):
            try:
                os.write(file, block)
            except OSError:
                block = block[: len(block) // 2]
    finally:
        os.close(file)
