"""`weft worker --only interactive`: a reserve that waiting users never share with the night's job."""

from __future__ import annotations

import subprocess
from pathlib import Path

import requests

from tests.product import ROOT, WEFT, eventually, make_photos, run_product, warm_workers


def test_a_reserved_worker_answers_and_leaves_the_night_alone(tmp_path: Path) -> None:
    with run_product(tmp_path, workers=0) as product:
        worker = subprocess.Popen([*WEFT, "worker", "--only", "interactive"], env=product.env, cwd=ROOT)
        try:
            eventually(lambda: [beat["lanes"] for beat in warm_workers(product)] == [["interactive"]], 60, "the worker")
            folder = make_photos(product.photos / "night")
            answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": str(folder)}, timeout=10)
            night = f"{product.url}/api/v1/jobs/{answer.json()['id']}"
            eventually(lambda: requests.get(night, timeout=10).json()["total"] > 0, 30, "the listing")
            for path in sorted(folder.rglob("*.jpg"))[:3]:
                with path.open("rb") as file:
                    single = requests.post(
                        f"{product.url}/api/v1/classify?wait=30", files={"file": (path.name, file)}, timeout=40
                    )
                assert single.status_code == 200, single.text
            found = requests.get(night, timeout=10).json()
            assert (found["total"], found["ok"], found["failed"]) == (24, 0, 0)
        finally:
            worker.terminate()
            worker.wait(30)
