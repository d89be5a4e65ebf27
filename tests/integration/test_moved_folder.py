"""The data folder is moved while Weft is ended, as docs/upgrades.md says: everything is there, at its new place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import requests

from tests.product import Product, eventually, make_photos, run_product


def test_everything_is_there_at_the_new_place(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()
    with run_product(here) as first:
        made = requests.post(f"{first.url}/api/v1/jobs", files=_uploads(tmp_path / "sent"), timeout=60).json()["id"]
        eventually(lambda: _job(first, made)["state"] == "finished")
        before, items = _job(first, made), _items(first, made)
    shutil.move(here / "data", there / "data")
    with run_product(there, bank=True) as second:
        assert _job(second, made) == before
        assert _items(second, made) == items
        sample = f"{second.url}/api/v1/bank/versions/{before['bank']}/samples/{items[0]['candidates'][0]['sample']}"
        assert requests.get(sample, timeout=60).headers["Content-Type"] == "image/jpeg"
        # The bank came along: nothing was built again.
        again = requests.post(f"{second.url}/api/v1/jobs", files=_uploads(tmp_path / "sent"), timeout=60).json()["id"]
        eventually(lambda: _job(second, again)["state"] == "finished")
        assert _job(second, again)["bank"] == before["bank"]
        assert str(here) not in second.output()


def _uploads(folder: Path) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (path.name, path.read_bytes())) for path in sorted(make_photos(folder, 1, 6).rglob("*.jpg"))]


def _job(product: Product, job: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{product.url}/api/v1/jobs/{job}", timeout=60).json()
    return found


def _items(product: Product, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{product.url}/api/v1/jobs/{job}/items", timeout=60).json()["items"]
    return found
