"""Leave-one-out against a whole large bank gives the numbers of the small way, which compares everything."""

from __future__ import annotations

import numpy as np
import pytest

from shared.bank.ranking_fit import Method
from shared.ranking.fitting import whole_bank as module
from shared.ranking.fitting.calibrate import evaluate_preset
from shared.ranking.fitting.fit import fit_ranking
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.linear import fit_linear
from shared.ranking.fitting.moments import Moments, class_sums
from shared.ranking.fitting.whole_bank import WholeBank, whole_bank
from shared.ranking.methods import Floats, Ints
from shared.ranking.model import PRESETS

CLASSES, EACH, DIM = 9, 40, 16


@pytest.fixture(scope="module")
def bank() -> tuple[np.ndarray, Ints]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(CLASSES, 1, DIM)) + 0.9 * rng.normal(size=(CLASSES, EACH, DIM))
    # A copy within a class, and one across two.
    rows[2, 7] = rows[2, 3]
    rows[5, 0] = rows[4, 1]
    unit = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    return unit.reshape(-1, DIM).astype(np.float16), np.repeat(np.arange(CLASSES), EACH)


@pytest.fixture(scope="module")
def both(bank: tuple[np.ndarray, Ints]) -> tuple[LeaveOneOut, WholeBank]:
    vectors, owner = bank
    starts = np.searchsorted(owner, np.arange(CLASSES + 1))
    sums = class_sums(vectors, starts)
    texts: Floats = np.random.default_rng(1).normal(size=(CLASSES, DIM)).astype(np.float32)
    whole = whole_bank(vectors, starts, sums, texts, Moments.of(vectors, starts, sums), (10.0, 20.0))
    loo = LeaveOneOut.of(vectors, owner, texts)
    return loo, whole


def same_queries(loo: LeaveOneOut, whole: WholeBank) -> tuple[Ints, Ints]:
    """Places of the queries that both ask."""
    rows = np.intersect1d(loo.queries, whole.queries)
    return np.searchsorted(loo.queries, rows), np.searchsorted(whole.queries, rows)


@pytest.mark.parametrize(
    "method",
    [
        Method("samples", k=1, centroid=0.5),
        Method("samples", k=3),
        Method("centroid", text=0.5),
        Method("tip", beta=10.0),
        Method("gda", shrink=0.01, centroid=0.25),
    ],
)
def test_scores_are_the_same(both: tuple[LeaveOneOut, WholeBank], method: Method) -> None:
    loo, whole = both
    ours, theirs = same_queries(loo, whole)
    assert len(ours) >= len(loo.queries) - 2
    expected, found = loo.scores(method)[ours], whole.scores(method)[theirs]
    assert whole.classes[0].tolist() == list(range(CLASSES))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)
    assert loo.threshold == pytest.approx(whole.threshold, abs=1e-6)
    assert (loo.truth[ours] == whole.truth[theirs]).all()
    assert (loo.answerable[ours] == whole.answerable[theirs]).all()


def test_a_ridge_keeps_its_class_weights(both: tuple[LeaveOneOut, WholeBank]) -> None:
    loo, whole = both
    method = Method("ridge", shrink=0.1)
    ours, theirs = same_queries(loo, whole)
    expected, found = loo.scores(method)[ours], whole.scores(method)[theirs]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_only_the_nearest_classes_are_read(
    bank: tuple[np.ndarray, Ints], both: tuple[LeaveOneOut, WholeBank], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLASSES", 4)
    vectors, owner = bank
    starts = np.searchsorted(owner, np.arange(CLASSES + 1))
    few = whole_bank(vectors, starts, class_sums(vectors, starts), None, None, ())
    _, whole = both
    assert few.classes.shape == (len(few.truth), 4)
    assert (few.classes[np.arange(len(few.truth)), few.truth] == owner[few.queries]).all()
    # A copy in a class that is not read is not seen.
    asked = np.isin(few.queries, whole.queries)
    wide = whole.nearest[np.isin(whole.queries, few.queries)]
    np.testing.assert_allclose(few.nearest[asked], np.take_along_axis(wide, few.classes[asked], axis=1), rtol=1e-6)
    # Presets that keep no more classes answer the same.
    preset = PRESETS["development"]
    answers = [evaluate_preset(one, Method("samples"), preset) for one in (few, whole)]
    assert answers[0].right.mean() == pytest.approx(answers[1].right.mean(), abs=0.02)


def test_linear_weights_come_from_sums(bank: tuple[np.ndarray, Ints]) -> None:
    vectors, owner = bank
    starts = np.searchsorted(owner, np.arange(CLASSES + 1))
    moments = Moments.of(vectors, starts, class_sums(vectors, starts))
    for method in (Method("gda", shrink=0.05), Method("ridge", shrink=0.1)):
        expected = fit_linear(method, vectors, owner, CLASSES)
        np.testing.assert_allclose(moments.fit(method), expected, rtol=1e-3, atol=1e-3)


def test_a_large_bank_learns_from_all_of_it(bank: tuple[np.ndarray, Ints], monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, owner = bank
    labels = tuple(map(str, range(CLASSES)))
    small = fit_ranking(vectors, owner, labels, None, True, lambda done, total: None)
    monkeypatch.setattr("shared.ranking.fitting.fit.LARGE", 100)
    large = fit_ranking(vectors, owner, labels, None, True, lambda done, total: None)
    np.testing.assert_array_equal(small.centroids, large.centroids)
    one, two = small.fit.measured, large.fit.measured
    assert one is not None
    assert two is not None
    assert two.top1 == pytest.approx(one.top1, abs=0.03)
    assert abs(one.queries - two.queries) <= 2
