"""A whole job on the running product: dispatcher, broker, worker, projection."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from tests.product import Product, eventually, make_photos, warm_workers


@pytest.fixture
def folder_job(product: Product, request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Submits a folder below the product's root and awaits its end."""

    def submit(folder: Path) -> dict[str, Any]:
        answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": str(folder)}, timeout=10)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()

        def ended() -> bool:
            job.update(requests.get(f"{product.url}/api/v1/jobs/{job['id']}", timeout=10).json())
            return job["state"] == "finished"

        eventually(ended, 60, "the job's end")
        return job

    return submit


def items(product: Product, job: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    url = f"{product.url}/api/v1/jobs/{job['id']}/items"
    found: list[dict[str, Any]] = requests.get(url, params={"limit": 500, **query}, timeout=10).json()["items"]
    return found


def test_a_folder_is_listed_classified_and_cached(product: Product, folder_job: Any) -> None:
    folder = product.photos / "whole"
    for n in range(150):
        path = folder / f"{n % 5}" / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # No two alike, and none that another test sent: nothing is in the cache.
        Image.frombytes("RGB", (8, 8), os.urandom(192)).save(path)
    (folder / "notes.txt").write_text("no photo")
    first = folder_job(folder)
    assert (first["total"], first["ok"], first["failed"], first["cached"]) == (150, 150, 0, 0)
    second = folder_job(folder)
    assert (second["ok"], second["cached"]) == (150, 150)
    told = dict(
        line.rsplit(" ", 1)
        for line in requests.get(f"{product.url}/metrics", timeout=10).text.splitlines()
        if line.startswith("weft_photos")
    )
    hits, photos = float(told["weft_photos_cached_total"]), float(told['weft_photos_total{status="ok"}'])
    assert photos - 150 >= hits >= 150
    page = requests.get(f"{product.url}/workers", timeout=10).text
    shown = re.search(r"From cache</dt><dd>(\d+)%", page)
    assert shown is not None, page
    assert abs(int(shown[1]) - 100 * hits / photos) <= 1
    one, two = items(product, first), items(product, second)
    assert [i["name"] for i in one] == sorted(i["name"] for i in one)
    assert [(i["name"], i["candidates"]) for i in one] == [(i["name"], i["candidates"]) for i in two]


def test_what_cannot_be_read_fails_alone(product: Product, folder_job: Any, tmp_path: Path) -> None:
    folder = make_photos(product.photos / "odd", classes=1, each=5)
    outside = make_photos(tmp_path / "outside", classes=1, each=1) / "stripe-0" / "0.jpg"
    (folder / "leads-out.jpg").symlink_to(outside)
    (folder / "leads-nowhere.jpg").symlink_to(folder / "gone.jpg")
    job = folder_job(folder)
    assert (job["total"], job["ok"], job["failed"]) == (7, 5, 2)
    failed = {i["name"]: i["error"]["code"] for i in items(product, job, status="failed")}
    assert failed == {"leads-out.jpg": "outside_roots", "leads-nowhere.jpg": "missing_file"}


def test_an_empty_tree_says_so(product: Product, folder_job: Any) -> None:
    folder = product.photos / "empty"
    (folder / "inner").mkdir(parents=True)
    job = folder_job(folder)
    assert (job["total"], job["note"]) == (0, "folder_empty")


def test_the_child_is_killed_and_the_job_ends_exactly(product: Product, folder_job: Any) -> None:
    folder = make_photos(product.photos / "killed", classes=6, each=60)
    (worker,) = warm_workers(product)
    os.kill(worker["pid"], signal.SIGKILL)
    job = folder_job(folder)
    assert (job["ok"], job["failed"], job["total"]) == (360, 0, 360)
    eventually(lambda: bool(warm_workers(product)), 30, "a warm worker")
    assert [w["pid"] for w in warm_workers(product)] != [worker["pid"]]
