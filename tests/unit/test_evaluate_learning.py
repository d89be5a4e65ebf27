"""`weft evaluate` tells accuracy by samples per class, and the classes where more photos would help most."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from shared.core.settings import Settings
from shared.ranking.fitting.learning import Curve, learning_curve, needs
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.methods import DEFAULT
from shared.ranking.model import PRESETS
from tests.banks import by_label, clustered, make_bank

pytestmark = pytest.mark.slow


def leave_one_out(vectors: npt.NDArray[np.float32]) -> LeaveOneOut:
    classes, each, dim = vectors.shape
    return LeaveOneOut.of(vectors.reshape(-1, dim), np.repeat(np.arange(classes), each))


def curve_of(vectors: npt.NDArray[np.float32]) -> Curve:
    return learning_curve(leave_one_out(vectors), DEFAULT, PRESETS["standard"])


def test_the_same_classes_are_asked_at_every_number_of_samples() -> None:
    curve = curve_of(clustered(each=12, spread=0.75))
    assert (curve.sizes, curve.classes) == ([2, 4, 8, 11], 12)
    asked = [set(curve.photo[curve.samples == size].tolist()) for size in curve.sizes]
    assert asked[0] == asked[1] == asked[3] == set(range(144))
    top1 = [curve.right[curve.samples == size].mean() for size in curve.sizes]
    assert top1[0] + 0.1 < top1[-1]


def test_the_last_point_is_leave_one_out_in_the_whole_bank() -> None:
    vectors = clustered(each=6, spread=0.75)
    loo = leave_one_out(vectors)
    curve = learning_curve(loo, DEFAULT, PRESETS["standard"])
    whole = loo.scores(DEFAULT).argmax(axis=1) == loo.truth
    last = curve.samples == curve.sizes[-1]
    assert curve.right[last].tolist() == whole.tolist()


def test_copies_of_a_photo_are_no_samples() -> None:
    vectors = clustered(each=6, spread=0.75)
    copied = np.repeat(vectors, 3, axis=1)
    once, thrice = curve_of(vectors), curve_of(copied)
    assert thrice.sizes == once.sizes == [2, 4, 5]
    assert len(thrice.right) == len(once.right)


def test_banks_of_single_photos_have_no_curve() -> None:
    assert curve_of(clustered(each=1)).sizes == []
    assert curve_of(clustered(each=2)).sizes == [1]


def test_classes_that_are_hard_and_small_need_photos_most() -> None:
    hard = {1, 4, 9}
    loo = leave_one_out(clustered(each=12, spread=0.75))
    curve = learning_curve(loo, DEFAULT, PRESETS["standard"])
    # Half of the photos of three classes are wrong, of the others none.
    right = ~(np.isin(loo.truth, sorted(hard)) & (np.arange(len(loo.truth)) % 2 == 0))
    found = needs(curve, loo.truth, right, loo.photo, loo.classes)
    assert found is not None
    assert {one.label for one in found.classes} == hard
    assert all((one.asked, one.wrong) == (12, 6) and one.sure > 0.9 for one in found.classes)
    low, high = found.interval
    assert 0 < low < found.gain < high < 3 / 12
    # The same errors with half of the photos: more photos are a larger part.
    fewer = np.isin(np.arange(len(loo.truth)) % 12, range(6))
    small = needs(curve, loo.truth[fewer], right[fewer], loo.photo[fewer], loo.classes)
    assert small is not None
    assert small.gain > found.gain


def test_nothing_is_advised_where_nothing_is_wrong() -> None:
    loo = leave_one_out(clustered(each=6, spread=0.1))
    curve = learning_curve(loo, DEFAULT, PRESETS["standard"])
    assert needs(curve, loo.truth, np.ones(len(loo.truth), bool), loo.photo, loo.classes) is None


def test_five_more_photos_bring_about_what_was_foretold() -> None:
    told, came = [], []
    for seed in range(6):
        # 8 photos of each class for the bank, 5 that are added, 40 that are asked.
        photos = clustered(classes=24, each=53, spread=0.8, seed=seed)
        loo = leave_one_out(photos[:, :8])
        right = loo.scores(DEFAULT).argmax(axis=1) == loo.truth
        curve = learning_curve(loo, DEFAULT, PRESETS["standard"])
        found = needs(curve, loo.truth, right, loo.photo, loo.classes)
        assert found is not None
        more = {one.label for one in found.classes}
        told.append(found.gain)
        came.append(top1(photos, more) - top1(photos, set()))
    assert np.mean(came) > 0.01
    assert np.mean(told) == pytest.approx(np.mean(came), abs=0.01)


def top1(photos: npt.NDArray[np.float32], more: set[int]) -> float:
    """Of the photos from the 14th on, with 13 samples of the classes `more` and 8 of the others."""
    asked = photos[:, 13:].reshape(-1, photos.shape[2])
    banks = [own[: 13 if label in more else 8] for label, own in enumerate(photos)]
    centroids = np.stack([own.mean(axis=0) / np.linalg.norm(own.mean(axis=0)) for own in banks])
    scores = np.stack([(asked @ own.T).max(axis=1) for own in banks], axis=1) + 0.5 * asked @ centroids.T
    return float(np.mean(scores.argmax(axis=1) == np.repeat(np.arange(len(photos)), photos.shape[1] - 13)))


def test_the_command_and_its_page_tell_what_more_photos_bring(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = make_bank(settings, by_label(clustered(each=12, spread=0.75)))
    page = tmp_path / "report.html"
    arguments = ["evaluate", version, "--data-dir", str(settings.data_dir)]
    assert cli.run([*arguments, "--json"]) == output.OK
    learning = json.loads(capsys.readouterr().out)["learning"]
    assert [point["samples"] for point in learning["points"]] == [2, 4, 8, 11]
    assert all(point["interval"][0] <= point["top1"] <= point["interval"][1] for point in learning["points"])
    more = learning["more"]
    assert more["photos"] == 5
    assert 0 < len(more["classes"]) <= 6
    assert cli.run([*arguments, "--html", str(page)]) == output.OK
    said = capsys.readouterr().out
    names = ", ".join(row["class"] for row in more["classes"])
    assert f"5 more photos each of {names} would help most" in said
    assert names in page.read_text(encoding="utf-8")
