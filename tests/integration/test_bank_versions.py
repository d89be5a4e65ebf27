"""A running product's bank changes: new versions, put in force while jobs run, previewed, rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.bank_api import all_items, call, finished, job_of, run_bank_task, submit_photos
from tests.product import Product, eventually, warm_workers


@pytest.fixture
def bank(curated: Product) -> Iterator[Product]:
    """The product, whose first bank is in force again when the test is over."""
    first = call(curated, "GET", "/bank")["version"]
    yield curated
    call(curated, "POST", f"/bank/versions/{first}/publish")


@pytest.fixture(scope="module")
def shorter(curated: Product) -> str:
    """A version of the first bank without the class `stripe-2`; not in force."""
    return without_class(curated, "stripe-2")


def without_class(product: Product, label: str) -> str:
    """A version of the bank in force with every sample of a class set aside; not in force."""
    samples = call(product, "GET", f"/bank/classes/{label}")["samples"]
    task = run_bank_task(product, kind="curate", aside=[sample["id"] for sample in samples])
    assert task["state"] == "done", task
    assert not task["result"]["published"]
    return str(task["result"]["version"])


def publish_under_load(product: Product, new: str, name: str, photos: int) -> None:
    """A running job finishes on its own bank, the next one uses the new one, and nobody is restarted."""
    workers = {worker["pid"] for worker in warm_workers(product)}
    old = call(product, "GET", "/bank")
    for attempt in range(4):
        running = submit_photos(product, f"{name}-{attempt}", photos * 3**attempt)
        eventually(lambda job=running: job_of(product, job)["ok"] > 0, what="the job's beginning")
        call(product, "POST", f"/bank/versions/{new}/publish")
        following = submit_photos(product, f"{name}-{attempt}-next", photos // 5)
        if job_of(product, running)["state"] in ("listing", "running"):
            break
        # On a busy machine this process may come too late: again, with a longer job.
        call(product, "POST", f"/bank/versions/{old['version']}/publish")
    else:
        raise AssertionError("every job was over before the new bank came")
    before, after = (finished(product, job, 600) for job in (running, following))
    assert (before["bank"], after["bank"]) == (old["version"], new)
    for job, classes in ((before, len(old["classes"])), (after, len(old["classes"]) - 1)):
        assert (job["ok"], job["failed"]) == (job["total"], 0)
        # Every class of its bank is a candidate of every photo: a single chunk ranked by the other bank would show.
        assert {len(item["candidates"]) for item in all_items(product, job)} == {classes}
    assert all(c["label"] != "stripe-2" for item in all_items(product, after) for c in item["candidates"])
    assert {worker["pid"] for worker in warm_workers(product)} == workers
    eventually(lambda: {worker["bank"] for worker in warm_workers(product)} == {new}, what="the heartbeats' new bank")


def test_publishing_under_load(bank: Product, shorter: str) -> None:
    publish_under_load(bank, shorter, "load", 500)


def test_publish_and_rollback(bank: Product, shorter: str) -> None:
    first = call(bank, "GET", "/bank")["version"]
    listed = call(bank, "POST", f"/bank/versions/{shorter}/publish")
    assert (listed["current"], listed["previous"]) == (shorter, first)
    assert [row["version"] for row in listed["versions"] if row["current"]] == [shorter]
    assert call(bank, "POST", "/bank/rollback")["current"] == first
    call(bank, "POST", "/bank/versions/no-such-version/publish", status=404)


def test_set_aside_and_put_back(bank: Product) -> None:
    first = call(bank, "GET", "/bank")["version"]
    sample = call(bank, "GET", "/bank/classes/stripe-0")["samples"][0]["id"]
    away = run_bank_task(bank, kind="curate", aside=[sample], publish=True)["result"]
    assert away["published"]
    assert call(bank, "GET", "/bank")["version"] == away["version"]
    found = call(bank, "GET", f"/bank/compare?old={first}")
    assert found["samples"] == {"added": 0, "removed": 0, "set_aside": 1, "put_back": 0}
    back = run_bank_task(bank, kind="curate", back=[sample])["result"]
    found = call(bank, "GET", f"/bank/compare?old={first}&new={back['version']}")
    assert found["changed"] == []


def test_preview_counts_what_would_change(bank: Product, shorter: str) -> None:
    job = submit_photos(bank, "previewed", 40)
    finished(bank, job)
    found = run_bank_task(bank, kind="preview", version=shorter)["result"]
    assert (found["old"], found["new"]) == (call(bank, "GET", "/bank")["version"], shorter)
    # Nothing but the answers of the class that is gone may change, and all of those must.
    asked = {(item["job"], item["index"]): item for item in found["items"]}
    mine = {i["index"]: i["label"] for i in all_items(bank, job)}
    assert {index for at, index in asked if at == job["id"]} == {i for i, label in mine.items() if label == "stripe-2"}
    assert all(item["before"]["label"] == "stripe-2" != item["after"]["label"] for item in asked.values())
    assert found["changed"] == sum(found["kinds"].values()) == found["kinds"]["relabelled"] > 0
    assert found["photos"] >= 40
    same = run_bank_task(bank, kind="preview", version=found["old"])["result"]
    assert same["changed"] == 0


def test_corrections_become_samples(bank: Product) -> None:
    job = submit_photos(bank, "corrected", 6)
    finished(bank, job)

    def correct(index: int, label: str, new: bool = False) -> dict[str, Any]:
        wish = {"label": label, "new_class": new}
        found: dict[str, Any] = call(bank, "PATCH", f"/jobs/{job['id']}/items/{index}", wish)
        return found

    # The bank's own class by another spelling, and a class that it does not have.
    correct(0, "STRIPE-3")
    correct(1, "gingham", new=True)
    rows = {row["index"]: row for row in call(bank, "GET", "/bank/proposals")["proposals"] if row["job"] == job["id"]}
    assert {i: (row["label"], row["new_class"], row["disputed"]) for i, row in rows.items()} == {
        0: ("stripe-3", False, False),
        1: ("gingham", True, False),
    }
    items = [{"job": job["id"], "index": index} for index in rows]
    task = run_bank_task(bank, kind="add", items=items, publish=True)
    assert task["state"] == "done", task
    assert task["result"]["published"]
    assert call(bank, "GET", "/bank/classes/gingham")["count"] == 1
    assert call(bank, "GET", "/bank/classes/stripe-3")["count"] == 7
    assert not [row for row in call(bank, "GET", "/bank/proposals")["proposals"] if row["job"] == job["id"]]
    # The photo itself is the nearest sample now.
    again = call(bank, "POST", "/jobs/folder", {"path": job["path"], "preset": "standard"}, 202)
    finished(bank, again)
    item = next(i for i in all_items(bank, again) if i["index"] == 0)
    assert item["label"] == "stripe-3"
    names = {s["id"]: s["name"] for s in call(bank, "GET", "/bank/classes/stripe-3")["samples"]}
    assert names[item["candidates"][0]["sample"]] == "00000.jpg"
    refused = run_bank_task(bank, kind="add", items=[{"job": job["id"], "index": 5}])
    assert refused["error"]["code"] == "not_found"


def test_cleaning_shows_first_and_then_does_it(bank: Product) -> None:
    plan = run_bank_task(bank, kind="clean", keep=4)
    samples = plan["result"]["samples"]
    assert samples["before"] == 24
    assert samples["after"] == 24 - len(plan["result"]["aside"]) <= 16
    made = run_bank_task(bank, kind="apply", plan=plan["id"], publish=True)["result"]
    assert (made["published"], made["counts"]["samples"]) == (True, samples["after"])
    assert made["counts"]["aside"] == len(plan["result"]["aside"])
    # The plan was made for a version that is not in force any more.
    problem = call(bank, "POST", "/bank/tasks", {"kind": "apply", "plan": plan["id"]}, 409)
    assert problem["code"] == "bank_changed"


def test_the_command_line_does_the_same(bank: Product) -> None:
    first = call(bank, "GET", "/bank")["version"]
    sample = call(bank, "GET", "/bank/classes/stripe-0")["samples"][0]["id"]
    done = bank.weft("bank", "set-aside", sample, "--publish")
    assert done.returncode == 0, done.stderr
    version = call(bank, "GET", "/bank")["version"]
    assert version in done.stdout
    shown = bank.weft("bank", "diff", first)
    assert f"{first} → {version}" in shown.stdout
    assert "stripe-0: 6 → 5 samples (1 excluded)" in shown.stdout
    assert "of the last" in bank.weft("bank", "preview", first).stdout


def test_a_damaged_projection_stands_in_no_other_job_s_way(bank: Product) -> None:
    good, bad = (submit_photos(bank, name, 1) for name in ("readable", "unreadable"))
    for job in (good, bad):
        finished(bank, job)
        call(bank, "PATCH", f"/jobs/{job['id']}/items/0", {"label": "stripe-1"})
    damaged = bank.settings.jobs_dir / f"{bad['id']}.sqlite"
    # What a write-ahead log holds is read from there.
    eventually(lambda: not damaged.with_name(f"{damaged.name}-wal").exists(), what="the projection's being closed")
    damaged.write_bytes(b"no database " * 1000)
    jobs = {row["job"] for row in call(bank, "GET", "/bank/proposals")["proposals"]}
    assert good["id"] in jobs
    assert bad["id"] not in jobs
    assert run_bank_task(bank, kind="preview", version=call(bank, "GET", "/bank")["version"])["state"] == "done"
