"""A worker with a limit says so, on the page and in the API, and does all of a job under it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.product import eventually, make_photos, run_product, warm_workers


@pytest.mark.slow
def test_it_says_so_and_works(tmp_path: Path) -> None:
    with run_product(tmp_path, day_limit="50%@00:00-24:00", read_limit="1") as product:
        eventually(lambda: [beat["core_share"] for beat in warm_workers(product)] == [0.5], what="the limit")
        page = requests.get(f"{product.url}/workers", timeout=30, headers={"Accept-Language": "en"}).text
        assert "Uses at most 50% of its cores at this hour." in page
        make_photos(product.photos / "night")
        answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": "night"}, timeout=30).json()
        address = f"{product.url}/api/v1/jobs/{answer['id']}"
        eventually(lambda: requests.get(address, timeout=30).json()["state"] == "finished", what="the job's end")
        found = requests.get(address, timeout=30).json()
        assert (found["ok"], found["failed"], found["duplicates"]) == (24, 0, 0)
