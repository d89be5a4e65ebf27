"""Several banks in one product: jobs choose theirs, one worker answers each from its own, and nothing gets mixed up."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.bank_api import all_items, call, finished, run_bank_task
from tests.product import Product, eventually, make_photos, run_product

pytestmark = pytest.mark.slow

LEATHERS = ("calf", "suede", "nappa")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product with the default bank (stripe-0 …) and a second one, made and filled on the command line."""
    folder = tmp_path_factory.mktemp("banks")
    photos = make_photos(folder / "leathers", len(LEATHERS))
    for number, label in enumerate(LEATHERS):
        (photos / f"stripe-{number}").rename(photos / label)
    with run_product(folder / "product") as running:
        weft(running, "bank", "new", "皮革 Leather", "--notes", "of the mill")
        built = weft(running, "bank", "build", str(photos), "--bank", "皮革 leather")
        assert built["published"]
        yield running


def weft(product: Product, *line: str, fails: bool = False) -> Any:
    """The JSON that a command prints."""
    done = product.weft(*line, "--json")
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return json.loads(done.stdout)


def bank_id(product: Product, name: str = "皮革 Leather") -> str:
    rows = call(product, "GET", "/banks")["banks"]
    return str(next(row["id"] for row in rows if row["name"] == name))


def submit(product: Product, name: str, bank: str | None, count: int = 6) -> dict[str, Any]:
    """A folder job of photos that no other job has, with a bank or without."""
    folder = product.photos / name
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        (folder / f"{n:03}.jpg").write_bytes(f"{name} {n}".encode())
    asked = {"path": str(folder), "preset": "standard"} | ({"bank": bank} if bank else {})
    made: dict[str, Any] = call(product, "POST", "/jobs/folder", asked, 202)
    return made


def labels(product: Product, job: dict[str, Any]) -> set[str]:
    """All classes that a job's answers name."""
    items = all_items(product, job)
    assert items
    return {candidate["label"] for item in items for candidate in item["candidates"]}


def test_interleaved_jobs_answer_each_from_its_own_bank(product: Product) -> None:
    leather = bank_id(product)
    # By id, by name, and without one: the default bank.
    wished = [None, leather, None, "皮革 Leather", "default", leather]
    jobs = [submit(product, f"turn-{turn}", bank, 40) for turn, bank in enumerate(wished)]
    for bank, job in zip(wished, jobs, strict=True):
        ended = finished(product, job)
        is_leather = bank not in (None, "default")
        assert ended["bank_id"] == (leather if is_leather else "default")
        found = labels(product, ended)
        assert found <= set(LEATHERS) if is_leather else all(label.startswith("stripe-") for label in found)
    versions = {job["bank"] for job in jobs}
    assert len(versions) == 2

    def both_loaded() -> bool:
        (worker,) = call(product, "GET", "/workers")["workers"]
        return set(worker["banks"]) >= versions

    eventually(both_loaded, 10, "a heartbeat with both banks")
    listed = call(product, "GET", f"/jobs?bank={leather}&search=turn")["jobs"]
    assert {job["id"] for job in listed} == {job["id"] for job, bank in zip(jobs, wished, strict=True) if bank in
                                            (leather, "皮革 Leather")}  # fmt: skip


def test_one_photo_and_uploads_choose_a_bank(product: Product, tmp_path: Path) -> None:
    leather = bank_id(product)
    address = f"{product.url}/api/v1"
    photo = {"file": ("a.jpg", b"one photo")}
    answer = requests.post(f"{address}/classify?wait=30", files=photo, data={"bank": leather}, timeout=60)
    assert {row["label"] for row in answer.json()["candidates"]} <= set(LEATHERS)
    sent = {"files": ("a.jpg", b"another photo")}
    job = requests.post(f"{address}/jobs", files=sent, data={"bank": "皮革 Leather"}, timeout=60).json()
    assert labels(product, finished(product, job)) <= set(LEATHERS)
    refused = requests.post(f"{address}/jobs", files=sent, data={"bank": "Silk"}, timeout=60)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    # In many requests: the bank's name may change before the job is made.
    upload = call(product, "POST", "/uploads", {"bank": "皮革 Leather"}, 201)
    assert upload["bank"] == leather
    requests.post(
        f"{address}/uploads/{upload['id']}/photos",
        files={"files": ("b.jpg", b"third")},
        data={"positions": "0"},
        timeout=60,
    ).raise_for_status()
    job = call(product, "POST", f"/uploads/{upload['id']}/finish", {"files": 1}, 202)
    assert labels(product, finished(product, job)) <= set(LEATHERS)
    # On the command line.
    path = tmp_path / "c.jpg"
    path.write_bytes(b"fourth")
    (item,) = weft(product, "classify", str(path), "--bank", leather)
    assert {row["label"] for row in item["candidates"]} <= set(LEATHERS)
    assert weft(product, "submit", str(path), "--bank", "皮革 Leather")["bank_id"] == leather


def test_tables_for_people_name_the_bank(product: Product) -> None:
    job = finished(product, submit(product, "table", bank_id(product), 2))

    def table(headings: str) -> str:
        address = f"{product.url}/api/v1/jobs/{job['id']}/export?format=csv&headings={headings}&lang=zh"
        answer = requests.get(address, timeout=30)
        answer.encoding = "utf-8"
        return answer.text

    assert f"皮革 Leather · {job['bank']}" in table("words")
    [row, _] = csv.DictReader(io.StringIO(table("names").removeprefix("\ufeff")))
    assert (row["bank"], row["bank_name"]) == (job["bank"], "皮革 Leather")


def test_run_again_with_another_bank(product: Product) -> None:
    first = finished(product, submit(product, "again", None))
    same = call(product, "POST", f"/jobs/{first['id']}/rerun", {}, 202)
    assert (same["bank_id"], same["bank"]) == ("default", first["bank"])
    other = finished(product, call(product, "POST", f"/jobs/{first['id']}/rerun", {"bank": "皮革 Leather"}, 202))
    assert labels(product, other) <= set(LEATHERS)
    # Its own bank stays a job's bank.
    again = call(product, "POST", f"/jobs/{other['id']}/rerun", {}, 202)
    assert again["bank_id"] == other["bank_id"] == bank_id(product)


def test_changes_and_rollback_of_one_leave_the_other(product: Product) -> None:
    leather = bank_id(product)
    first, begun = (call(product, "GET", f"/bank?bank={bank}") for bank in ("default", leather))
    assert (begun["bank"], begun["bank_name"]) == (leather, "皮革 Leather")
    assert {row["label"] for row in begun["classes"]} == set(LEATHERS)
    task = call(
        product, "POST", f"/bank/tasks?bank={leather}", {"kind": "class", "label": "calf", "en": "Box calf"}, 202
    )
    eventually(lambda: call(product, "GET", f"/bank/tasks/{task['id']}")["state"] == "done", 60, "the change")
    draft = call(product, "GET", f"/bank/draft?bank={leather}")
    assert (draft["bank"], len(draft["versions"])) == (leather, 1)
    assert call(product, "GET", "/bank/draft")["version"] is None
    assert call(product, "POST", "/bank/draft/undo", status=404)["code"] == "not_found"
    listed = call(product, "POST", f"/bank/versions/{draft['version']}/publish")
    assert (listed["bank"], listed["current"], listed["previous"]) == (leather, draft["version"], begun["version"])
    assert call(product, "GET", "/bank")["version"] == first["version"]
    assert call(product, "POST", "/bank/rollback", status=404)["code"] == "not_found"
    call(product, "POST", f"/bank/rollback?bank={leather}")
    assert call(product, "GET", f"/bank?bank={leather}")["version"] == begun["version"]
    assert call(product, "GET", "/bank")["version"] == first["version"]
    assert {row["version"] for row in weft(product, "bank", "list", "--bank", leather)} >= {begun["version"]}
    assert begun["version"] not in {row["version"] for row in weft(product, "bank", "list")}


def test_a_correction_goes_to_the_bank_that_its_job_used(product: Product) -> None:
    leather = bank_id(product)
    job = finished(product, submit(product, "corrected", leather))
    item = all_items(product, job)[0]
    other = next(label for label in LEATHERS if label != item["label"])
    call(product, "PATCH", f"/jobs/{job['id']}/items/{item['index']}", {"label": other})

    def proposed(bank: str) -> list[tuple[str, str]]:
        found = call(product, "GET", f"/bank/proposals?bank={bank}")["proposals"]
        return [(row["job"], row["label"]) for row in found]

    eventually(lambda: (job["id"], other) in proposed(leather), 20, "the proposal")
    assert job["id"] not in [row for row, _ in proposed("default")]
    assert weft(product, "bank", "corrections", "--bank", leather)["proposals"]
    before = call(product, "GET", "/bank")["version"]
    chosen = [{"job": job["id"], "index": item["index"]}]
    task = call(product, "POST", f"/bank/tasks?bank={leather}", {"kind": "add", "items": chosen, "publish": True}, 202)
    eventually(lambda: call(product, "GET", f"/bank/tasks/{task['id']}")["state"] != "running", 60, "the task")
    made = call(product, "GET", f"/bank/tasks/{task['id']}")["result"]
    assert made["published"]
    assert call(product, "GET", f"/bank?bank={leather}")["version"] == made["version"]
    assert call(product, "GET", "/bank")["version"] == before
    # A check of it without a version asks for the bank's active one.
    assert weft(product, "bank", "check", "--bank", leather)["version"] == made["version"]


def test_a_bank_goes_only_when_no_job_needs_it(product: Product) -> None:
    made = call(product, "POST", "/banks", {"name": "Season 2027", "copy_of": "default"}, 201)
    assert made["counts"]["classes"] == 4
    job = finished(product, submit(product, "season", made["id"]))
    refused = call(product, "DELETE", f"/banks/{made['id']}", status=409)
    assert refused["code"] == "bank_in_use"
    assert "season" in refused["detail"]
    # The refusal leaves it in use.
    assert not next(row for row in call(product, "GET", "/banks")["banks"] if row["id"] == made["id"])["archived"]
    call(product, "PATCH", f"/banks/{made['id']}", {"archived": True})
    path = str(product.photos / "season")
    archived = call(product, "POST", "/jobs/folder", {"path": path, "bank": made["id"]}, 409)
    assert archived["code"] == "bank_archived"
    call(product, "POST", f"/jobs/{job['id']}/archive")
    assert weft(product, "bank", "delete", "Season 2027")["deleted"] is False
    gone = requests.delete(f"{product.url}/api/v1/banks/{made['id']}", timeout=20)
    assert gone.status_code == 204
    assert not (product.settings.data_dir / "banks" / made["version"]).exists()
    assert made["id"] not in [row["id"] for row in weft(product, "bank", "banks")]
    # What was answered stays.
    assert all(label.startswith("stripe-") for label in labels(product, job))
    assert call(product, "GET", f"/jobs/{job['id']}")["bank_id"] == made["id"]
    assert call(product, "DELETE", "/banks/default", status=409)["code"] == "bank_default_stays"
    assert call(product, "GET", f"/bank?bank={made['id']}", status=404)["code"] == "not_found"


def test_names_on_the_command_line(product: Product) -> None:
    made = weft(product, "bank", "new", "Customer A", "--copy-of", "default")
    assert weft(product, "bank", "rename", "customer a", "Customer B")["id"] == made["id"]
    assert weft(product, "bank", "archive", "Customer B")["archived"]
    assert not weft(product, "bank", "archive", "Customer B", "--undo")["archived"]
    assert weft(product, "bank", "new", "customer b", fails=True)["error"]["code"] == "bank_name_taken"
    assert weft(product, "bank", "list", "--bank", "Customer A", fails=True)["error"]["code"] == "not_found"
    assert weft(product, "bank", "delete", "Customer B", "--yes")["deleted"]


def test_bank_work_without_a_bank_is_on_the_default_one(product: Product) -> None:
    checked = run_bank_task(product, kind="check")
    assert checked["result"]["version"] == call(product, "GET", "/bank")["version"]
