"""Jobs of a server elsewhere from the command line: listed, followed, steered, exported; what it cannot do says so."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.cli import main as cli
from shared.jobs.shown import ShownJob
from tests.front import front
from tests.product import Product, make_photos


@pytest.fixture
def weft(
    product: Product, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The command line with WEFT_URL, where nothing is in the data folder that it would find."""
    for name, value in {"WEFT_URL": product.url, "XDG_CACHE_HOME": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*line: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.run(list(map(str, line)))
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return run


def submitted(weft: Callable[..., tuple[int, str, str]], folder: Path, *more: str) -> ShownJob:
    code, out, err = weft("submit", folder, "--json", *more)
    assert code in (0, 3), err
    job: ShownJob = json.loads(out)
    return job


def test_a_job_from_its_submission_to_its_end(
    weft: Callable[..., tuple[int, str, str]], product: Product, tmp_path: Path
) -> None:
    folder = make_photos(tmp_path / "rolls", classes=2, each=4)
    job = submitted(weft, folder)["id"]
    code, out, _ = weft("watch", job, "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["failed"]) == (0, 8, 0)
    # As on the server itself.
    assert found == json.loads(product.weft("watch", job, "--json").stdout)
    code, out, _ = weft("watch", job, "--lines")
    assert code == 0
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["exit"], last["job"]["id"]) == ("ended", 0, job)
    assert weft("watch", job, "--lines", "--json")[0] == 2
    _, out, _ = weft("jobs")
    assert job in out
    assert "rolls" in out
    _, out, _ = weft("jobs", "--search", "rolls", "--limit", "1", "--json")
    assert [one["id"] for one in json.loads(out)["jobs"]] == [job]
    code, _, _ = weft("export", job, "--format", "csv", "--status", "ok", "-o", "ok.csv")
    assert code == 0
    assert len(Path("ok.csv").read_text("utf-8-sig").splitlines()) == 9
    product.weft("export", job, "--status", "ok", "-o", tmp_path / "there.csv")
    assert Path("ok.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()


def test_a_job_is_steered(weft: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    job = submitted(weft, make_photos(tmp_path / "steered", classes=1, each=2), "--at", "03:00")["id"]
    assert weft("rename", job, "Rolls of May")[1].strip() == f"{job}  Rolls of May"
    assert weft("priority", job, "low")[1].strip() == f"{job}  Rolls of May: low"
    assert weft("cancel", job)[1].strip() == f"{job}  Rolls of May: cancelled"
    assert json.loads(weft("archive", job, "--json")[1])["archived"] is True
    code, _, err = weft("retry", job)
    assert code == 1
    assert "archived" in err
    assert weft("delete", job)[1].strip() == f"{job}: deleted"
    code, out, _ = weft("watch", job, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "not_found")


@pytest.mark.parametrize(
    "line", [["bank", "list"], ["gc"], ["key", "list"], ["sort", "x", "--into", "y"], ["rerun", "x"]]
)
def test_what_needs_the_server_says_so(
    weft: Callable[..., tuple[int, str, str]], line: list[str], tmp_path: Path
) -> None:
    code, out, err = weft(*line)
    assert (code, out) == (1, "")
    assert err.startswith(f"`weft {line[0]}` works on the server itself")
    assert len(err.splitlines()) == 1
    assert json.loads(weft(*line, "--json")[1])["error"]["code"] == "only_on_server"
    assert not (tmp_path / "data").exists()


def test_this_machine_is_meant_where_its_folder_is_named(
    weft: Callable[..., tuple[int, str, str]], product: Product, tmp_path: Path
) -> None:
    assert weft("bank", "list", "--data-dir", product.settings.data_dir)[0] == 0
    assert "weft up" in weft("jobs", "--data-dir", tmp_path / "none")[2]
    # The address on the command line is meant before all else.
    assert weft("jobs", "--data-dir", tmp_path / "none", "--url", os.environ["WEFT_URL"])[0] == 0


def test_a_server_that_goes_away_is_followed_on(
    weft: Callable[..., tuple[int, str, str]], product: Product, tmp_path: Path
) -> None:
    with front(product.settings.port) as before:
        job = submitted(weft, make_photos(tmp_path / "followed", classes=1, each=3))["id"]
        away = [503, 502]

        def instead(method: str, path: str) -> tuple[int, dict[str, str]] | None:
            asked = [one for one in before.seen if one[1].endswith(job)]
            return (away.pop(), {}) if len(asked) > 0 and away and path.endswith(job) else None

        before.instead = instead
        code, out, err = weft("watch", job, "--lines", "--url", before.url)
    assert code == 0
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert [event for event in events if event != "progress"] == ["lost", "back", "ended"]
    assert "answers again" in err
