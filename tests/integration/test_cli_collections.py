"""`weft collection …` and the API of collections: the same things, done from outside."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.bank_api import call
from tests.collections_harness import write
from tests.product import Product, eventually, run_product

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("cli")) as running:
        yield running


def weft(product: Product, *line: str, fails: bool = False) -> Any:
    done = product.weft("collection", *line, "--json", timeout=120)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return json.loads(done.stdout)


def photos(product: Product, name: str, count: int) -> Path:
    folder = product.photos / name
    for n in range(count):
        write(folder / f"{n}.jpg", f"{name} {n}")
    return folder


def test_a_collection_on_the_command_line(product: Product) -> None:
    folder = photos(product, "cli", 4)
    write(folder / "small" / "0.jpg", "a thumbnail")
    made = weft(product, "new", "Spring 春", "--folder", str(folder), "--exclude", "small/", "--at", "22:00")
    assert made["schedule"] == {"at": "22:00", "days": [], "zone": "", "cron": ""}
    assert made["next_run"] > made["created"]
    looked = weft(product, "run", "spring 春", "--dry-run")
    assert (looked["state"], looked["counts"]["chosen"], looked["job"]) == ("looked", 4, None)
    done = product.weft("collection", "run", made["id"], "--watch", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 classified" in done.stdout
    changed = weft(product, "edit", made["id"], "--name", "Summer", "--at", "", "--days", "")
    assert (changed["name"], changed["schedule"], changed["rules"]["exclude"]) == ("Summer", None, ["small/"])
    listed = weft(product, "list")["collections"]
    assert [(one["name"], one["files"]["present"]) for one in listed] == [("Summer", 4)]
    target = product.settings.data_dir / "summer.csv"
    assert weft(product, "export", "Summer", "-o", str(target))["files"] == 4
    rows = list(csv.DictReader(io.StringIO(target.read_text("utf-8-sig"))))
    assert [Path(row["path"]).name for row in rows] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert {row["status"] for row in rows} == {"ok"}
    folder.rename(folder.with_name("elsewhere"))
    refused = weft(product, "run", "Summer", fails=True)
    assert (refused["state"], refused["code"]) == ("refused", "collection_folder_gone")
    shown = product.weft("collection", "show", "Summer")
    assert "4 photos" in shown.stdout
    assert "Nothing was changed" in shown.stdout
    assert weft(product, "delete", "Summer")["deleted"] is False
    assert weft(product, "delete", "Summer", "--yes")["deleted"] is True
    assert weft(product, "list") == {"collections": []}
    wrong = weft(product, "new", "x", "--folder", str(folder.with_name("elsewhere")), "--at", "25:00", fails=True)
    assert wrong["error"]["code"] == "schedule_time"


def test_a_collection_through_the_api(product: Product) -> None:
    folder = photos(product, "api", 5)
    wish = {"folders": [str(folder)], "rules": {"formats": ["jpg"]}, "schedule": {"at": "7:05", "days": ["mon"]}}
    made = call(product, "POST", "/collections", wish, 201)
    assert (made["name"], made["last_run"]) == ("api", None)
    assert made["schedule"] == {"at": "07:05", "days": ["mon"], "zone": "", "cron": ""}
    address = f"/collections/{made['id']}"
    run = call(product, "POST", f"{address}/runs", {}, 202)
    assert call(product, "POST", f"{address}/runs", {}, 409)["code"] == "collection_running"

    def ended() -> bool:
        return bool(call(product, "GET", f"{address}/runs/{run['id']}")["state"] == "done")

    eventually(ended, what="the run's end")
    run = call(product, "GET", f"{address}/runs/{run['id']}")
    assert run["message"] == "5 new"
    assert call(product, "GET", f"{address}/runs")["runs"][0] == run
    first = call(product, "GET", f"{address}/files?limit=3")
    rest = call(product, "GET", f"{address}/files?limit=3&cursor={first['next']}")
    assert [Path(row["path"]).name for row in first["files"] + rest["files"]] == [f"{n}.jpg" for n in range(5)]
    assert rest["next"] is None
    row = first["files"][1]
    call(product, "PATCH", f"/jobs/{row['job']}/items/{row['index']}", {"label": "stripe-3"})
    answer = requests.get(f"{product.url}/api/v1{address}/export?format=jsonl", timeout=20)
    labels = [json.loads(line)["result"]["final_label"] for line in answer.text.splitlines()]
    assert labels[1] == "stripe-3"
    changed = call(product, "PATCH", address, {"schedule": None, "priority": "low"})
    assert (changed["schedule"], changed["priority"], changed["rules"]["formats"]) == (None, "low", ["jpg"])
    call(product, "POST", "/collections", {"folders": ["/etc"]}, 403)
    call(product, "POST", "/collections", {"folders": [str(folder)], "shape": 1}, 400)
    call(product, "GET", f"{address}/export?format=coco", None, 400)
    assert requests.delete(f"{product.url}/api/v1{address}", timeout=20).status_code == 204
    call(product, "GET", address, None, 404)
    # The job stays.
    assert call(product, "GET", f"/jobs/{run['job']}")["ok"] == 5


def test_the_servers_folders_count_not_those_of_the_shell(tmp_path: Path) -> None:
    write(tmp_path / "mill" / "a.jpg", "a photo of the mill")
    with run_product(tmp_path / "product", folder_roots=str(tmp_path / "mill")) as server:
        env = {name: value for name, value in server.env.items() if name != "WEFT_FOLDER_ROOTS"}
        made = weft(replace(server, env=env), "new", "mill", "--folder", str(tmp_path / "mill"))
        assert made["folders"] == [str(tmp_path / "mill")]
