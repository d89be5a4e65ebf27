"""`weft evaluate`: figures that follow from outcomes, on a bank's own photos and on a labelled folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from scripts.cli.evaluate.outcome import Outcomes
from shared.core.settings import Settings
from tests.banks import by_label, clustered, make_bank
from tests.product import make_photos


def test_figures_follow_from_outcomes() -> None:
    outcomes = Outcomes(
        labels=("linen", "silk"),
        truth=np.array([0, 0, 1, 1]),
        label=np.array([0, 1, 1, 1]),
        rank=np.array([0, 1, 0, 0]),
        confidence=np.array([0.9, 0.3, 0.8, 0.7]),
        answered=np.array([True, False, True, True]),
        photo=np.arange(4),
    )
    report = outcomes.figures().to_json()
    assert (report["queries"], report["top1"], report["top5"]) == (4, 0.75, 1.0)
    assert report["confusion"] == {"linen": {"linen": 1, "silk": 1}, "silk": {"silk": 2}}
    assert report["per_class"]["linen"] == {"queries": 2, "top1": 0.5, "top5": 1.0}
    assert report["coverage_at"]["0.1"] == 0.75
    assert report["risk_coverage"][-1] == {"coverage": 1.0, "risk": 0.25}
    assert (report["answered"], report["wrong_of_answered"]) == (0.75, 0.0)
    json.dumps(report)


def test_a_bank_is_judged_on_its_own_photos(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = make_bank(settings, by_label(clustered(spread=0.1)))
    page = tmp_path / "report.html"
    arguments = ["evaluate", version, "--data-dir", str(settings.data_dir), "--json", "--html", str(page)]
    assert cli.run(arguments) == output.OK
    report = json.loads(capsys.readouterr().out)
    assert (report["queries"], report["top1"]) == (72, 1.0)
    assert [row["topc"] for row in report["sweep"]] == [4, 6, 8, 10, 12]
    assert all(row["coarse_recall"] >= row["top1"] for row in report["sweep"])
    written = page.read_text(encoding="utf-8")
    assert written.count("<svg") == 3
    assert "class-07" in written


def test_a_labelled_folder_is_ranked_as_a_worker_would(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEFT_ENGINE", "null")
    photos = make_photos(tmp_path / "photos", classes=3, each=4)
    data = ["--data-dir", str(tmp_path / "data"), "--json"]
    (photos / "labels.json").write_text(json.dumps({"stripe-1": "细条纹"}), "utf-8")
    assert cli.run(["bank", "build", str(photos), *data]) == output.OK
    # A folder may have any name of its class.
    (photos / "stripe-1").rename(photos / "细条纹")
    (photos / "stripe-0" / "broken.jpg").write_bytes(b"no picture")
    (photos / "stripe-2").rename(photos / "unheard-of")
    capsys.readouterr()
    assert cli.run(["evaluate", str(photos), *data]) == output.OK
    report = json.loads(capsys.readouterr().out)
    # The photos are in the bank: each finds itself.
    assert (report["queries"], report["top1"]) == (8, 1.0)
    assert [row["code"] for row in report["skipped"]] == ["not_an_image"]
    assert report["unknown_classes"] == ["unheard-of"]


def test_vectors_of_a_test_engine_are_not_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEFT_ENGINE", "null")
    data = ["--data-dir", str(tmp_path / "data")]
    assert cli.run(["bank", "build", str(make_photos(tmp_path / "photos")), *data]) == output.OK
    assert cli.run(["evaluate", *data]) != output.OK
    assert "test engine" in capsys.readouterr().err


def test_check_writes_a_page_with_its_findings(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = by_label(clustered(spread=0.1))
    arrays["class-00"][1] = arrays["class-01"][0]
    make_bank(settings, arrays)
    page = tmp_path / "check.html"
    assert cli.run(["bank", "check", "--data-dir", str(settings.data_dir), "--html", str(page)]) == output.OK
    assert "in several classes" in capsys.readouterr().out
    assert "Duplicate across: 1" in page.read_text(encoding="utf-8")
