"""`weft watch`: the exit code says how a job went, a server may go away and come back, programs read lines."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.cli import follow
from scripts.cli import main as cli
from shared.jobs.model import Job, JobState
from tests.large_jobs import archived_job
from tests.product import ROOT, WEFT, Product, await_ready, eventually, make_photos, run_product, start_product


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "night", classes=2, each=60)


@pytest.fixture
def ended(settings: Any) -> Job:
    return archived_job(settings, 10, "b1")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ok": 10, "failed": 0}, 0),
        ({"ok": 9, "failed": 1}, 3),
        ({"ok": 0, "failed": 10}, 1),
        ({"ok": 0, "failed": 0, "total": 0}, 0),
        ({"ok": 4, "failed": 0, "state": JobState.CANCELLED}, 1),
    ],
)
def test_the_outcome_is_an_exit_code(ended: Job, values: dict[str, Any], code: int) -> None:
    assert follow.outcome(replace(ended, **values)) == code


def test_some_failed(product: Product, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a folder with a photo that cannot be read; `--json` is one document, `--lines` one a line, and the last one
    tells the exit code."""
    folder = make_photos(product.photos / "partly", classes=1, each=3)
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "unreadable.jpg").write_bytes(b"")
    line = ["submit", str(folder), "--watch", "--data-dir", str(product.settings.data_dir)]
    code = cli.run([*line, "--json"])
    job = json.loads(capfd.readouterr().out)
    assert job["failed"] >= 1
    assert code == 3
    assert cli.run(["watch", job["id"], "--lines", "--data-dir", str(product.settings.data_dir)]) == 3
    *_, last = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert (last["event"], last["exit"], last["job"]["id"]) == ("ended", 3, job["id"])
    assert last["job"]["summary"]["failures"]
    both = cli.run(["watch", job["id"], "--lines", "--json", "--data-dir", str(product.settings.data_dir)])
    assert both == 2


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Product]:
    with run_product(tmp_path / "product", engine="sleep:1000") as running:
        yield running


@pytest.mark.slow
def test_a_server_that_restarts_is_awaited(slow: Product, photos: Path, tmp_path: Path) -> None:
    job = json.loads(slow.weft("submit", photos, "--json").stdout)["id"]
    out, err = tmp_path / "out", tmp_path / "err"

    def events() -> list[str]:
        return [json.loads(line)["event"] for line in out.read_text("utf-8").splitlines()]

    with out.open("wb") as told, err.open("wb") as said:
        watching = subprocess.Popen([*WEFT, "watch", job, "--lines"], env=slow.env, cwd=ROOT, stdout=told, stderr=said)
        try:
            eventually(lambda: "progress" in events(), what="progress")
            # Long before the last photo, however late the client came.
            slow.stop(seconds=120)
            eventually(lambda: "lost" in events(), what="the loss")
            again = start_product(tmp_path / "product", "--workers", "1", engine="sleep:1")
            try:
                await_ready(again)
                code = watching.wait(120)
            finally:
                again.stop()
        finally:
            if watching.poll() is None:
                watching.kill()
                watching.wait()
    assert code == 0, err.read_text("utf-8")
    found = events()
    assert found.count("lost") == found.count("back") == 1
    assert found[-1] == "ended"
    assert found.index("lost") < found.index("back")
    assert "does not answer" in err.read_text("utf-8")
    assert "answers again" in err.read_text("utf-8")


def test_a_server_that_is_not_there_at_once_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["watch", "1m8p99tnecw2e", "--data-dir", str(tmp_path / "none")]) == 1
    assert "weft up" in capfd.readouterr().err
