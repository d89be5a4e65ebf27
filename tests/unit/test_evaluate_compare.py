"""`weft evaluate --compare`: two versions on the same photos, and whether one is better."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from shared.core.settings import Settings
from shared.ranking.fitting.bootstrap import PhotoBootstrap
from tests.banks import by_label, clustered, make_bank

pytestmark = pytest.mark.slow


def test_nineteen_of_twenty_intervals_hold_the_true_difference() -> None:
    held, widths = 0, []
    for seed in range(200):
        luck = np.random.default_rng(seed).random((2, 120))
        # Both are right or wrong on the same photos, mostly: the pairs tell more than the shares.
        before, after = luck[0] < 0.7, (luck[0] < 0.7) ^ (luck[1] < np.where(luck[0] < 0.7, 0.05, 0.2))
        low, high = PhotoBootstrap(np.arange(120), draws=400).difference(before, after)
        held += low <= 0.3 * 0.2 - 0.7 * 0.05 <= high
        widths.append(high - low)
    assert held >= 186
    assert np.mean(widths) < 0.2


def test_a_few_photos_without_a_difference_prove_nothing() -> None:
    same = np.ones(30, bool)
    low, high = PhotoBootstrap(np.arange(30)).difference(same, same)
    assert low < -0.05
    assert high > 0.05


def test_the_better_of_two_versions_is_told(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    good = make_bank(settings, by_label(clustered(spread=0.2)))
    # The same photos (class and hash), as a worse model would place them.
    poor = make_bank(settings, by_label(clustered(spread=0.8)))
    arguments = ["evaluate", poor, "--data-dir", str(settings.data_dir), "--compare"]
    assert cli.run([*arguments, good, "--json"]) == output.OK
    report = json.loads(capsys.readouterr().out)
    found = report["compared"]
    assert (found["bank"], found["photos"], found["top1_first"]) == (good, 72, report["top1"])
    assert found["top1_second"] == 1.0
    assert 0 < found["interval"][0] < found["difference"] < found["interval"][1] <= 1
    assert found["only_first_right"] == 0
    assert cli.run([*arguments, poor]) == output.OK
    assert "no difference can be told" in capsys.readouterr().out


def test_photos_are_matched_by_class_and_file(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = by_label(clustered(spread=0.2))
    all_of_them = make_bank(settings, arrays)
    some = make_bank(settings, {label: rows for label, rows in arrays.items() if label >= "class-05"})
    others = make_bank(settings, {f"other-{label}": rows for label, rows in arrays.items()})
    arguments = ["evaluate", all_of_them, "--data-dir", str(settings.data_dir), "--json", "--compare"]
    assert cli.run([*arguments, some]) == output.OK
    assert json.loads(capsys.readouterr().out)["compared"]["photos"] == 42
    assert cli.run([*arguments, others]) == output.FAILED
    assert "share 0 photos" in capsys.readouterr().out


def test_a_folder_cannot_be_compared(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("photos")
    assert cli.run(["evaluate", str(folder), "--data-dir", str(settings.data_dir), "--compare", "x"]) == output.USAGE
