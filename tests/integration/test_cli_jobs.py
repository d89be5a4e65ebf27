"""The command line against a running product: submit, follow, steer, export, classify, doctor."""

from __future__ import annotations

import csv
import json
import subprocess
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts.cli import main as cli
from tests.product import Product, make_photos, run_product

Weft = Callable[..., subprocess.CompletedProcess[str]]
ITEM = {
    "index",
    "name",
    "sha256",
    "status",
    "cached",
    "verdict",
    "label",
    "confidence",
    "margin",
    "candidates",
    "error",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("cli") / "night", classes=2, each=3)


def _json(done: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def weft(product: Product, capfd: pytest.CaptureFixture[str]) -> Weft:
    """Run a command of this product in this process: an interpreter for each would take a second."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        line = [*map(str, arguments), "--data-dir", str(product.settings.data_dir)]
        code = cli.run(line)
        return subprocess.CompletedProcess(line, code, *capfd.readouterr())

    return run


def test_photos_are_classified_now(weft: Weft, photos: Path) -> None:
    items = _json(weft("classify", photos / "stripe-0/0.jpg", photos / "stripe-1/1.jpg", "--json"))
    assert [item["name"] for item in items] == ["0.jpg", "1.jpg"]
    assert all(set(item) >= ITEM and item["status"] == "ok" for item in items)
    # The null engine knows a photo of the bank by its bytes.
    assert [item["label"] for item in items] == ["stripe-0", "stripe-1"]
    assert not any(job["kind"] == "classify" for job in _json(weft("jobs", "--json"))["jobs"])


def test_people_get_a_table(product: Product, photos: Path) -> None:
    done = product.weft("classify", photos / "stripe-1/2.jpg")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split() == ["photo", "verdict", "best", "classes"]
    assert "2.jpg" in done.stdout
    assert "stripe-1" in done.stdout


def test_a_folder_elsewhere_is_copied_and_followed_to_its_end(weft: Weft, photos: Path, tmp_path: Path) -> None:
    job = _json(weft("submit", photos, "--watch", "--json"))
    assert (job["kind"], job["name"], job["state"], job["total"], job["ok"]) == ("upload", "night", "finished", 6, 6)
    assert job["summary"]["labels"] == {"stripe-0": 3, "stripe-1": 3}
    assert _json(weft("watch", job["id"], "--json"))["ok"] == 6

    target = tmp_path / "night.csv"
    told = _json(weft("export", job["id"], "--format", "csv", "-o", target, "--json"))
    assert (told["items"], told["file"], told["bytes"]) == (6, str(target), target.stat().st_size)
    with target.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"night/stripe-{c}/{n}.jpg" for c in range(2) for n in range(3)]
    lines = weft("export", job["id"], "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["stripe-0"] * 3 + ["stripe-1"] * 3


def test_a_folder_below_a_root_goes_by_reference(product: Product, weft: Weft) -> None:
    made = make_photos(product.photos / "tonight", classes=1, each=4)
    job = _json(weft("submit", made, "--name", "tonight's", "--preset", "standard", "--watch", "--json"))
    assert (job["kind"], job["name"], job["preset"], job["path"]) == ("folder", "tonight's", "standard", str(made))
    assert (job["total"], job["ok"]) == (4, 4)


def test_a_zip_is_unpacked(weft: Weft, photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in sorted((photos / "stripe-0").iterdir()):
            made.write(path, f"in/{path.name}")
    assert _json(weft("submit", archive, "--watch", "--json"))["ok"] == 3


def test_a_job_for_the_night_waits_and_can_be_steered(weft: Weft, photos: Path) -> None:
    later = (datetime.now() + timedelta(days=30)).strftime("%Y-%m-%d %H:%M")
    job = _json(weft("submit", photos, "--at", later, "--json"))
    assert job["state"] == "scheduled"
    listed = weft("jobs")
    assert job["id"] in listed.stdout
    for verb in ("retry", "pause"):
        assert _json(weft(verb, job["id"], "--json"), 1)["error"]["code"] == "conflict"
    assert _json(weft("cancel", job["id"], "--json"))["state"] == "cancelled"
    assert _json(weft("watch", job["id"], "--json"), 1)["state"] == "cancelled"


@pytest.mark.parametrize("command", ["watch", "export", "cancel", "pause", "resume", "retry"])
def test_a_job_that_is_not_there_is_said(weft: Weft, command: str) -> None:
    extra = ["-o", "/nowhere/x.csv"] if command == "export" else []
    assert _json(weft(command, "nosuchjob", *extra, "--json"), 1)["error"]["code"] == "not_found"


def test_wrong_usage_exits_with_2(weft: Weft, photos: Path) -> None:
    for arguments in (
        ["submit", photos, "--preset", "nonsense"],
        ["submit", photos, "--at", "tonight"],
        ["submit", photos / "gone.jpg"],
        ["export", "x", "--format", "doc"],
        ["export", "x", "--json"],
    ):
        assert weft(*arguments).returncode == 2, arguments


def test_the_doctor_finds_a_running_product_well(product: Product) -> None:
    report = _json(product.weft("doctor", "--json"))
    assert report["ok"]
    states = {check["what"].split()[0]: check["state"] for check in report["checks"]}
    assert states["redis"] == states["worker"] == states["bank"] == "ok"
    assert report["settings"]["engine"] == "null"


def test_the_doctor_says_what_is_broken(tmp_path: Path) -> None:
    with run_product(tmp_path, workers=0, bank=False) as lonely:
        report = _json(lonely.weft("doctor", "--json"), 1)
        broken = [check for check in report["checks"] if check["state"] == "broken"]
        assert [check["what"] for check in broken] == ["workers"]
        assert "weft worker" in broken[0]["text"]
