"""A worker that cannot read a job's folder fails none of its photos: others classify them, or they wait."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.product import ROOT, WEFT, Product, eventually, make_photos, run_product, warm_workers


@contextmanager
def _worker(product: Product, *prefix: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """One more worker of the product, started by hand as on another machine."""
    count = len(warm_workers(product))
    log = product.log.with_name(f"extra-{count}.log")
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*prefix, *WEFT, "worker"], env=product.env | env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        eventually(lambda: len(warm_workers(product)) > count, 90, "another worker")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _submit(product: Product, folder: str) -> str:
    answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": folder}, timeout=30)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _job(product: Product, job_id: str) -> dict[str, Any]:
    return dict(requests.get(f"{product.url}/api/v1/jobs/{job_id}", timeout=30).json())


def _finished(product: Product, job_id: str, photos: int) -> bool:
    job = _job(product, job_id)
    assert job["failed"] == 0, job
    return bool(job["state"] == "finished" and job["ok"] == photos)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Product]:
    """A product without any worker, with 120 photos in `night`, a folder below its root."""
    with run_product(tmp_path, workers=0, preset="standard") as product:
        make_photos(product.photos / "night", classes=10, each=12)
        yield product


@pytest.mark.slow
def test_job_waits_for_a_worker_that_sees_its_folder_and_others_go_on(alone: Product, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with _worker(alone, WEFT_FOLDER_ROOTS=str(elsewhere)):
        night = _submit(alone, "night")
        eventually(lambda: _job(alone, night)["waiting_for"] == "folder", 30, "the note")
        told = _job(alone, night)
        blind = warm_workers(alone)[0]["id"]
        assert blind in told["message"]
        assert str(alone.photos / "night") in told["message"]
        assert (told["ok"], told["failed"], told["rate"], told["eta"]) == (0, 0, None, None)
        page = requests.get(f"{alone.url}/jobs/{night}", timeout=30).text
        assert "Waiting: folder not accessible" in page
        assert "You may close this page" not in page
        # Its chunks take no room from a job that the worker can do.
        files = [("files", (p.name, p.read_bytes())) for p in sorted((alone.photos / "night").rglob("*.jpg"))[:40]]
        other = requests.post(f"{alone.url}/api/v1/jobs", files=files, timeout=30).json()["id"]
        eventually(lambda: _finished(alone, other, 40), 30, "the other job")
        with _worker(alone):
            eventually(lambda: _finished(alone, night, 120), 60, "the end of the job")


@pytest.mark.long
def test_worker_without_the_folder_leaves_the_job_to_the_one_that_has_it(alone: Product, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with _worker(alone, WEFT_FOLDER_ROOTS=str(elsewhere)), _worker(alone):
        night = _submit(alone, "night")
        eventually(lambda: _finished(alone, night, 120), 60, "the end of the job")


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare to hide a folder")
def test_unmounted_share_is_an_empty_folder(alone: Product) -> None:
    """As on a second machine where nobody mounted the share: the folder is there, and holds nothing."""
    hide = f"mount -t tmpfs none '{alone.photos / 'night'}' && exec \"$@\""
    with _worker(alone, "unshare", "--mount", "--propagation", "private", "sh", "-c", hide, "sh"), _worker(alone):
        night = _submit(alone, "night")
        eventually(lambda: _finished(alone, night, 120), 60, "the end of the job")


@pytest.mark.long
def test_share_that_vanishes_in_mid_job_is_waited_for(tmp_path: Path) -> None:
    with run_product(tmp_path, engine="sleep:30", preset="standard") as product:
        folder = make_photos(product.photos / "night", classes=20, each=12)
        night = _submit(product, "night")
        eventually(lambda: _job(product, night)["ok"] > 20, 60, "the first photos")
        folder.rename(tmp_path / "gone")
        eventually(lambda: _job(product, night)["waiting_for"] == "folder", 60, "the note")
        assert _job(product, night)["failed"] == 0
        (tmp_path / "gone").rename(folder)
        eventually(lambda: _finished(product, night, 240), 90, "the end of the job")


@pytest.mark.long
def test_default_root_may_be_a_link(tmp_path: Path) -> None:
    real = make_photos(tmp_path / "disk" / "photos" / "night", classes=4, each=5)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "photos").symlink_to(real.parent)
    with run_product(tmp_path, preset="standard") as product:
        night = _submit(product, "night")
        eventually(lambda: _finished(product, night, 20), 60, "the end of the job")
