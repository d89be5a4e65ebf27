"""Photos of classes that the bank does not have: how many get a class all the same, measured by leaving classes out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from scripts.lab.bench import false_accepts as bench
from shared.bank.ranking_fit import Measured
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.ranking.model import Verdict
from shared.ranking.ranker import rank
from tests.banks import DIM, by_label, clustered, make_bank
from web.app import create_app
from web.bank_labels import outside


def test_the_share_is_what_new_classes_find(settings: Settings) -> None:
    """Classes of the same kind as the bank's, which it never saw, get a class about as often as it says."""
    vectors = clustered(60, 8, spread=0.45, seed=3)
    bank = BankStore(settings).load(make_bank(settings, by_label(vectors[:30])))
    measured = bank.manifest.ranking.measured
    assert measured is not None
    assert measured.false_accepts is not None
    assert measured.false_accepts_interval is not None
    low, high = measured.false_accepts_interval
    assert low <= measured.false_accepts <= high
    answers = rank(bank, vectors[30:].reshape(-1, DIM), "standard")
    found = np.mean([answer.verdict is Verdict.LABEL for answer in answers])
    assert found > 0.1
    assert low <= found <= high


def test_classes_that_are_easy_to_tell_accept_nothing_foreign(settings: Settings) -> None:
    bank = BankStore(settings).load(make_bank(settings, by_label(clustered(20, 8, spread=0.1))))
    measured = bank.manifest.ranking.measured
    assert measured is not None
    assert measured.false_accepts is not None
    assert measured.false_accepts < 0.05 < measured.foreign_found


def test_check_evaluate_and_page_say_it(settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = ["--data-dir", str(settings.data_dir)]
    version = make_bank(settings, by_label(clustered(spread=0.7)))
    for command in (["bank", "check", version], ["evaluate", version]):
        assert cli.run([*command, *data]) == output.OK
        told = " ".join(capsys.readouterr().out.split())
        assert "Not in bank: of photos whose class is left out" in told
    assert cli.run(["evaluate", version, *data, "--json"]) == output.OK
    found = json.loads(capsys.readouterr().out)
    assert 0 <= found["outside"]["interval"][0] <= found["outside"]["false_accepts"] <= 1
    assert found["parents"] is None
    page = tmp_path / "check.html"
    assert cli.run(["bank", "check", version, *data, "--html", str(page), "--json"]) == output.OK
    assert "whose class is left out" in page.read_text("utf-8")


def test_the_page_says_it_in_both_languages(settings: Settings) -> None:
    figures = Measured(
        queries=9,
        top1=1,
        top5=1,
        calibration_error=0,
        coverage_at_risk=1,
        risk=0.1,
        answered=1,
        wrong_of_answered=0,
        foreign_found=0.4,
    )
    with create_app(settings).test_request_context("/?lang=zh"):
        assert outside(figures) is None  # type: ignore[arg-type]
        told = figures.model_copy(update={"false_accepts": 0.12, "false_accepts_interval": (0.08, 0.17)})
        assert "12% 的照片会得到明确但错误的类别（8% 至 17%），40%" in (outside(told) or "")  # type: ignore[arg-type]


def test_the_bench_asks_a_bank_for_pictures_without_fabric(settings: Settings) -> None:
    """With vectors that say nothing, all of them get some class: what the bench counts are verdicts, and the gate's."""
    bank = BankStore(settings).load(make_bank(settings, by_label(clustered(20, 8, spread=0.1))))
    rng = np.random.default_rng(5)
    foreign = rng.normal(size=(50, DIM)).astype(np.float32)
    rows = foreign / np.linalg.norm(foreign, axis=1, keepdims=True)
    found = bench.asked(bank, rows, [{} for _ in rows])
    assert found.photos == 50
    assert found.accepted + found.unsure + found.not_in_bank == pytest.approx(1)
    assert found.accepted < 0.1 < found.not_in_bank
    known = bank.vectors[::8].astype(np.float32)
    assert bench.asked(bank, known, [{} for _ in known]).accepted > 0.9


def test_pictures_without_fabric_are_of_several_kinds() -> None:
    pictures = bench.no_fabric(2)
    assert set(pictures) >= {"page of text", "window", "flat", "gradient", "noise", "face", "wall"}
    assert all(picture.shape == (256, 256, 3) for found in pictures.values() for picture in found)
