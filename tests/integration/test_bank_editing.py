"""Changes of the bank over the API: classes and photos go into a draft, which is undone, compared and published."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.bank_api import awaited_task, call, run_bank_task
from tests.product import Product, make_photos


@pytest.fixture
def bank(curated: Product) -> Iterator[Product]:
    """The product; afterwards its first bank is active again and there is no draft."""
    first = call(curated, "GET", "/bank")["version"]
    yield curated
    if call(curated, "GET", "/bank/draft")["version"]:
        call(curated, "POST", "/bank/draft/discard")
    call(curated, "POST", f"/bank/versions/{first}/publish")


def edit(product: Product, **asked: Any) -> str:
    """Makes a change, which joins the draft; returns its version."""
    before = call(product, "GET", "/bank")["version"]
    task = run_bank_task(product, **asked)
    assert task["state"] == "done", task
    assert task["result"]["drafted"]
    assert not task["result"]["published"]
    # What photos are compared with stays as it is.
    assert call(product, "GET", "/bank")["version"] == before
    return str(task["result"]["version"])


def send(product: Product, path: str, files: list[tuple[str, tuple[str, bytes]]], **fields: str) -> dict[str, Any]:
    """Uploads to the bank and awaits the task."""
    answer = requests.post(f"{product.url}/api/v1{path}", files=files, data=fields, timeout=30)
    assert answer.status_code == 202, answer.text
    return awaited_task(product, answer.json())


def one_class(product: Product, label: str, version: str) -> dict[str, Any]:
    found: dict[str, Any] = call(product, "GET", f"/bank/classes/{label}?version={version}")
    return found


def pictured(product: Product, found: dict[str, Any]) -> bool:
    """Whether every sample of a class has its small and its large picture."""
    return all(
        requests.get(product.url + sample["picture"] + size, timeout=10).content.startswith(b"\xff\xd8")
        for sample in found["samples"]
        for size in ("", "?large=1")
    )


def test_a_draft_collects_changes_and_is_published_once(bank: Product) -> None:
    first = call(bank, "GET", "/bank")["version"]
    edit(
        bank,
        kind="class",
        label="stripe-0",
        zh="条纹布",
        en="ticking",
        aliases="床品条纹、ticking stripe",
        notes="Mill 7",
    )
    named = edit(bank, kind="class", zh="牛仔布", en="Heavy Denim")
    moved = [sample["id"] for sample in one_class(bank, "stripe-1", named)["samples"][:2]]
    split = edit(bank, kind="move", samples=moved, zh="细条", en="pinstripe")
    assert one_class(bank, "stripe-1", split)["count"] == 4
    assert one_class(bank, "细条", split)["label"] == "pinstripe"
    assert pictured(bank, one_class(bank, "pinstripe", split))
    merged = edit(bank, kind="merge", label="stripe-2", into="条纹布")
    found = one_class(bank, "stripe-2", merged)
    assert (found["label"], found["count"], found["notes"]) == ("stripe-0", 12, "Mill 7")
    assert {"床品条纹", "ticking stripe", "stripe-2"} <= set(found["aliases"])
    assert pictured(bank, found)
    draft = call(bank, "GET", "/bank/draft")
    assert (draft["version"], draft["base"], draft["behind"], len(draft["versions"])) == (merged, first, False, 4)
    differs = call(bank, "GET", f"/bank/compare?old={first}&new={merged}")
    assert {row["label"] for row in differs["names"]} == {"stripe-0", "heavy_denim", "pinstripe"}
    assert differs["classes"] == {"added": ["pinstripe"], "removed": ["stripe-2"]}

    assert call(bank, "POST", "/bank/draft/undo")["version"] == split
    assert one_class(bank, "stripe-2", split)["count"] == 6
    assert run_bank_task(bank, kind="check", version=split)["state"] == "done"
    assert run_bank_task(bank, kind="preview", version=split)["state"] == "done"
    call(bank, "POST", f"/bank/versions/{split}/publish")
    empty = {"version": None, "versions": [], "base": None, "behind": False, "bank": "default"}
    assert call(bank, "GET", "/bank/draft") == empty
    assert call(bank, "GET", "/bank")["version"] == split
    assert call(bank, "POST", "/bank/rollback")["current"] == first
    assert call(bank, "GET", "/bank/draft")["version"] is None


def test_a_deleted_class_comes_back_with_its_names(bank: Product) -> None:
    named = edit(bank, kind="class", label="stripe-3", zh="宽条", en="wide stripe")
    removed = edit(bank, kind="remove", label="宽条")
    call(bank, "GET", f"/bank/classes/stripe-3?version={removed}", status=404)
    sample = one_class(bank, "stripe-3", named)["samples"][0]["id"]
    back = edit(bank, kind="curate", back=[sample], draft=True)
    found = one_class(bank, "stripe-3", back)
    assert (found["zh"], found["en"], found["count"]) == ("宽条", "wide stripe", 1)


def test_photos_for_a_new_class_and_failures_by_file(bank: Product, tmp_path: Path) -> None:
    photos = sorted(make_photos(tmp_path / "photos", 1, 4).rglob("*.jpg"))
    files = [("files", (path.name, path.read_bytes())) for path in photos]
    task = send(bank, "/bank/photos", [*files, ("files", ("坏.jpg", b"no photo"))], zh="灯芯绒", en="corduroy")
    assert (task["state"], task["kind"]) == ("done", "photos"), task
    if call(bank, "GET", "/workers")["workers"][0]["engine"].startswith("sleep"):
        assert {row["name"] for row in task["result"]["skipped"]} <= {"corduroy/坏.jpg"}
    found = one_class(bank, "灯芯绒", task["result"]["version"])
    assert found["label"] == "corduroy"
    assert found["count"] >= 4
    more = send(bank, "/bank/photos", files[:1], label="灯芯绒")
    # The same photo again is taken once.
    assert one_class(bank, "corduroy", more["result"]["version"])["count"] == found["count"]
    assert not any((bank.settings.data_dir / "bank-uploads").iterdir())


def test_names_that_are_taken_and_what_is_missing(bank: Product) -> None:
    for asked, code in (
        ({"kind": "class", "en": "STRIPE-1"}, "class_name_taken"),
        ({"kind": "class", "label": "stripe-0", "aliases": ["stripe-1"]}, "class_name_taken"),
        ({"kind": "class", "notes": "no name"}, "class_unnamed"),
        ({"kind": "merge", "label": "stripe-0", "into": "stripe-0"}, "class_merged_with_itself"),
    ):
        assert call(bank, "POST", "/bank/tasks", asked, 400)["code"] == code
    call(bank, "POST", "/bank/tasks", {"kind": "remove", "label": "velvet"}, 404)
    call(bank, "POST", "/bank/draft/undo", status=404)


def test_a_new_bank_of_class_folders_and_of_an_npz(bank: Product, tmp_path: Path) -> None:
    first = call(bank, "GET", "/bank")["version"]
    photos = sorted(make_photos(tmp_path / "autumn", 2, 3).rglob("*.jpg"))
    files = [("files", (str(path.relative_to(tmp_path)), path.read_bytes())) for path in photos]
    files.append(("files", ("autumn/labels.json", '{"stripe-0": "斜纹布"}'.encode())))
    task = send(bank, "/bank/build", files, name="Autumn")
    assert task["state"] == "done", task
    made = call(bank, "GET", f"/bank?version={task['result']['version']}")
    assert (made["name"], [entry["zh"] for entry in made["classes"]]) == ("Autumn", ["斜纹布", "stripe-1"])
    assert call(bank, "GET", "/bank/draft")["version"] == made["version"]
    assert call(bank, "GET", "/bank")["version"] == first

    stray = requests.post(f"{bank.url}/api/v1/bank/build", files=[("files", ("a.jpg", b"x"))], timeout=30)
    assert stray.json()["code"] == "photo_outside_class"
    refused = send(bank, "/bank/import", [("file", ("old.npz", b"no archive"))])
    assert (refused["state"], refused["error"]["code"]) == ("failed", "legacy_damaged")
    assert "old.npz" in refused["error"]["message"]
    archive = io.BytesIO()
    rows = np.random.default_rng(7).normal(size=(8, 512))
    np.savez(archive, twill=rows[:4], satin=rows[4:])
    imported = send(bank, "/bank/import", [("file", ("old.npz", archive.getvalue()))])
    if imported["state"] == "done":
        assert imported["result"]["counts"]["classes"] == 2
    else:
        assert imported["error"]["code"] == "legacy_dimensions"
    assert not any((bank.settings.data_dir / "bank-uploads").iterdir())
