"""After WEFT_KEEP_DAYS everything that reads a job goes on from its projection; DELETE removes it for good."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.core.errors import NotFound
from shared.jobs import archive
from shared.jobs.ledger import Ledger
from tests.product import Product, eventually, run_product

pytestmark = pytest.mark.slow

#: Days: a few seconds.
KEEP = 0.00003


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product whose ledger keeps ended jobs for a few seconds."""
    with run_product(tmp_path_factory.mktemp("short"), keep_days=str(KEEP)) as product:
        yield product


def made(product: Product, name: str, count: int = 4) -> str:
    files = [("files", (f"{name}-{n}.jpg", f"{name} {n}".encode())) for n in range(count)]
    answer = requests.post(f"{product.url}/api/v1/jobs", files=files, data={"name": name}, timeout=30)
    job = str(answer.json()["id"])
    eventually(lambda: get(product, f"/jobs/{job}").json()["state"] == "finished", what="the job's end")
    return job


def get(product: Product, path: str) -> requests.Response:
    return requests.get(f"{product.url}/api/v1{path}", timeout=30)


def let_go(product: Product, job: str) -> None:
    """By the real code path, without waiting for the dispatcher's next round."""
    with suppress(NotFound):
        archive.release(product.settings, Ledger.connect(product.settings), job)


def test_every_one_of_many_short_jobs_is_released_with_its_results(short: Product) -> None:
    """By the dispatcher itself, within a few of its rounds."""
    jobs = [made(short, f"short {n}", 2) for n in range(20)]
    eventually(lambda: all(get(short, f"/jobs/{job}").json()["archived"] for job in jobs), 30, "the release of all")
    for job in jobs:
        assert len(get(short, f"/jobs/{job}/items").json()["items"]) == 2
    assert not Ledger.connect(short.settings).jobs()


def test_the_api_goes_on(short: Product) -> None:
    job = made(short, "api")
    before = get(short, f"/jobs/{job}").json()
    items = get(short, f"/jobs/{job}/items").json()
    let_go(short, job)
    after = get(short, f"/jobs/{job}").json()
    assert after["archived"]
    assert {k: v for k, v in after.items() if k != "archived"} == {k: v for k, v in before.items() if k != "archived"}
    assert get(short, f"/jobs/{job}/items").json() == items
    address = f"{short.url}/api/v1/jobs/{job}"
    new_class = {"label": "斜纹", "new_class": True}
    assert requests.patch(f"{address}/items/1", json=new_class, timeout=10).json()["corrected"] == "斜纹"
    exported = get(short, f"/jobs/{job}/export?format=csv").content.decode("utf-8-sig")
    assert [row["corrected"] for row in csv.DictReader(io.StringIO(exported))] == ["", "斜纹", "", ""]
    assert get(short, f"/jobs/{job}/items/0/thumbnail").status_code in (200, 404)
    assert job in [j["id"] for j in get(short, "/jobs").json()["jobs"]]
    for verb in ("cancel", "pause", "resume", "retry"):
        refused = requests.post(f"{address}/{verb}", timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (409, "job_archived"), verb


def test_the_pages_go_on(short: Product) -> None:
    job = made(short, "pages")
    let_go(short, job)
    for path in (f"/jobs/{job}", f"/jobs/{job}/progress", f"/jobs/{job}/results", "/jobs", "/"):
        answer = requests.get(short.url + path, headers={"Accept": "text/html"}, timeout=30)
        assert answer.status_code == 200, path
    assert "pages-0.jpg" in requests.get(f"{short.url}/jobs/{job}", timeout=30).text


def test_the_command_line_goes_on(short: Product, tmp_path: Path) -> None:
    job = made(short, "cli")
    let_go(short, job)
    assert job in [j["id"] for j in read(short, "jobs", "--json")["jobs"]]
    assert read(short, "watch", job, "--json")["archived"]
    assert read(short, "export", job, "--format", "csv", "-o", tmp_path / "x.csv", "--json")["items"] == 4
    assert read(short, "delete", job, "--json") == {"deleted": job}
    assert short.weft("export", job, "-o", tmp_path / "y.csv").returncode == 1
    assert short.weft("delete", job).returncode == 1


def read(product: Product, *arguments: str | Path) -> Any:
    done = product.weft(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_job_is_deleted_once_it_has_ended(short: Product) -> None:
    wish = {"path": str(short.photos), "not_before": datetime.fromtimestamp(time.time() + 86400, UTC).isoformat()}
    (short.photos / "later").mkdir(parents=True)
    waiting = requests.post(f"{short.url}/api/v1/jobs/folder", json=wish, timeout=10).json()["id"]
    address = f"{short.url}/api/v1/jobs/{waiting}"
    refused = requests.delete(address, timeout=10)
    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_ended")
    requests.post(f"{address}/cancel", timeout=10)
    answer = requests.delete(address, timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")
    assert requests.get(address, timeout=10).status_code == 404
    assert requests.delete(address, timeout=10).status_code == 404


def test_what_a_deleted_job_uploaded_is_freed(short: Product) -> None:
    kept, gone = made(short, "kept", 1), made(short, "gone", 1)
    let_go(short, gone)
    shas = {job: get(short, f"/jobs/{job}/items").json()["items"][0]["sha256"] for job in (kept, gone)}
    requests.delete(f"{short.url}/api/v1/jobs/{gone}", timeout=10)
    read(short, "gc", "--days", "0", "--json")
    blobs = short.settings.data_dir / "blobs"
    assert [(blobs / shas[job][:2] / shas[job]).exists() for job in (kept, gone)] == [True, False]
