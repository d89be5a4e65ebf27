"""What keeps a worker from its work is said everywhere, fails no photo, and is over when its cause is."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.product import Product, eventually, make_photos, run_product, warm_workers


def _job(product: Product, job_id: str) -> dict[str, Any]:
    return dict(requests.get(f"{product.url}/api/v1/jobs/{job_id}", timeout=30).json())


@pytest.mark.slow
def test_a_missing_bank_is_waited_for_and_said(tmp_path: Path) -> None:
    with run_product(tmp_path, engine="sleep:30", preset="standard") as product:
        make_photos(product.photos / "night", classes=12, each=12)
        answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": "night"}, timeout=30)
        night = str(answer.json()["id"])
        eventually(lambda: _job(product, night)["ok"] > 10, 60, "the first photos")
        version = _job(product, night)["bank"]
        bank = product.settings.data_dir / "banks" / version
        bank.rename(tmp_path / "away")
        # The next child has to load the bank again.
        os.kill(warm_workers(product)[0]["pid"], signal.SIGKILL)

        eventually(lambda: _job(product, night)["waiting_for"] == "bank", 90, "the note")
        told = _job(product, night)
        assert (told["note"], told["failed"]) == ("bank_missing", 0)
        assert version in told["message"]
        assert "Waiting: bank cannot be used" in requests.get(f"{product.url}/jobs/{night}", timeout=30).text
        sentence = f"The bank version {version}"
        assert sentence in requests.get(f"{product.url}/workers", timeout=30).text
        assert sentence in requests.get(f"{product.url}/api/v1/workers", timeout=30).text
        checks = json.loads(product.weft("doctor", "--json").stdout)["checks"]
        assert [c for c in checks if c["what"].startswith("worker ") and version in c["text"]], checks

        (tmp_path / "away").rename(bank)
        eventually(lambda: _job(product, night)["state"] == "finished", 90, "the end of the job")
        done = _job(product, night)
        assert (done["ok"], done["failed"], done["note"]) == (144, 0, None)
