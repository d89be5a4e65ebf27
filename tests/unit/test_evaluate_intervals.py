"""Shares that `weft evaluate` tells come with intervals that hold, by groups of photos."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from scripts.cli.bank_words import within
from shared.core.settings import Settings
from shared.ranking.fitting.bootstrap import PhotoBootstrap, wilson
from tests.banks import by_label, clustered, make_bank
from tests.product import make_photos

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("share", "groups", "each"), [(0.98, 50, 1), (0.8, 60, 1), (0.8, 60, 5), (0.5, 30, 3)])
def test_nineteen_of_twenty_intervals_hold_the_true_share(share: float, groups: int, each: int) -> None:
    held = 0
    for seed in range(200):
        # All answers to one photo's copies are right or wrong together.
        hits = np.repeat(np.random.default_rng(seed).random(groups) < share, each)
        low, high = PhotoBootstrap(np.repeat(np.arange(groups), each), draws=400).share(hits)
        held += low <= share <= high
    assert held >= 186


def test_copies_of_a_photo_make_nothing_surer() -> None:
    hits = np.random.default_rng(3).random(80) < 0.7
    once = PhotoBootstrap(np.arange(80)).share(hits)
    copied = PhotoBootstrap(np.repeat(np.arange(80), 10)).share(np.repeat(hits, 10))
    assert copied == pytest.approx(once)
    taken_singly = PhotoBootstrap(np.arange(800)).share(np.repeat(hits, 10))
    assert taken_singly[1] - taken_singly[0] < 0.5 * (once[1] - once[0])


def test_no_mistake_among_few_is_not_taken_for_certainty() -> None:
    answered = np.arange(40) < 20
    low, high = PhotoBootstrap(np.arange(40)).share(np.zeros(40, bool), answered)
    assert low == 0.0
    assert high == pytest.approx(wilson(0.0, 20)[1])
    assert high > 0.15
    assert PhotoBootstrap(np.arange(40)).share(np.zeros(40, bool), np.zeros(40, bool)) == (0.0, 1.0)


def test_the_command_tells_intervals_and_the_same_ones_again(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    version = make_bank(settings, by_label(clustered(spread=0.5)))
    arguments = ["evaluate", version, "--data-dir", str(settings.data_dir)]
    reports = []
    for _ in range(2):
        assert cli.run([*arguments, "--json"]) == output.OK
        reports.append(json.loads(capsys.readouterr().out))
    found = reports[0]["intervals"]
    assert found == reports[1]["intervals"]
    assert (found["level"], found["groups"]) == (0.95, 72)
    for name in ("top1", "top5", "answered", "wrong_of_answered"):
        low, high = found[name]
        assert 0 <= low <= reports[0][name] <= high <= 1
        assert low < high
    assert set(found["per_class"]) == set(reports[0]["per_class"])
    assert cli.run(arguments) == output.OK
    said = capsys.readouterr().out
    assert f"top-1 {within(reports[0]['top1'], found['top1'])}" in said
    assert "95% intervals" in said


def test_check_tells_the_interval_too(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(settings, by_label(clustered(spread=0.5)))
    arguments = ["bank", "check", "--data-dir", str(settings.data_dir)]
    assert cli.run([*arguments, "--json"]) == output.OK
    figures = json.loads(capsys.readouterr().out)["leave_one_out"]
    low, high = figures["top1_interval"]
    assert low < figures["top1"] < high
    assert cli.run(arguments) == output.OK
    assert f"top-1 {within(figures['top1'], (low, high))}" in capsys.readouterr().out


def test_copies_in_a_labelled_folder_are_one_photo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEFT_ENGINE", "null")
    photos = make_photos(tmp_path / "photos", classes=3, each=4)
    data = ["--data-dir", str(tmp_path / "data"), "--json"]
    assert cli.run(["bank", "build", str(photos), *data]) == output.OK
    for photo in sorted(photos.glob("*/*")):
        if photo.is_file():
            shutil.copy(photo, photo.with_name(f"copy-{photo.name}"))
    capsys.readouterr()
    assert cli.run(["evaluate", str(photos), *data]) == output.OK
    report = json.loads(capsys.readouterr().out)
    assert (report["queries"], report["intervals"]["groups"]) == (24, 12)


def test_words_of_an_interval() -> None:
    assert within(0.832, (0.778, 0.874)) == "83.2% (78–87%)"
    assert within(0.004, (0.001, 0.016)) == "0.4% (0.1–1.6%)"
