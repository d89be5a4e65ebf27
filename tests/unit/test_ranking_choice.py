"""Leave-one-out is exact, chooses what generalises, and calibrates without flattering itself."""

from __future__ import annotations

import numpy as np
import pytest

from shared.bank.ranking_fit import Method
from shared.ranking.confidence import Calibration, softmax
from shared.ranking.fitting.calibrate import calibrate, evaluate_preset, isotonic
from shared.ranking.fitting.choose import CANDIDATES, choose_method
from shared.ranking.fitting.cross_fit import cross_fit, promised
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.linear import fit_linear
from shared.ranking.fitting.measure import calibration_error, coverage_at
from shared.ranking.fitting.risk import CERTAINTY
from shared.ranking.methods import combine
from shared.ranking.model import PRESETS
from tests.banks import clustered


def leave_one_out(classes: int = 8, each: int = 5, spread: float = 0.8, seed: int = 5) -> LeaveOneOut:
    vectors = clustered(classes, each, spread, seed).reshape(-1, 32)
    return LeaveOneOut.of(vectors, np.repeat(np.arange(classes), each))


@pytest.mark.parametrize(
    "method",
    [
        Method("samples", k=1, centroid=0.5),
        Method("samples", k=2),
        Method("centroid"),
        Method("tip", beta=20.0),
        Method("ridge", shrink=0.1, near=0.5, beta=10.0),
    ],
    ids=lambda method: f"{method.name}-{method.k}",
)
def test_leaving_out_equals_fitting_without(method: Method) -> None:
    loo = leave_one_out()
    for number in range(0, len(loo.queries), 7):
        row = int(loo.queries[number])
        kept = np.delete(np.arange(len(loo.owner)), row)
        rows, owner = loo.vectors[kept], loo.owner[kept]
        starts = np.searchsorted(owner, np.arange(loo.classes + 1))
        sums = np.add.reduceat(rows, starts[:-1], axis=0)
        centroids = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        query = loo.vectors[row]
        linear = None
        if method.name == "ridge":
            weights = fit_linear(method, rows, owner, loo.classes)
            linear = (weights[:, :-1] @ query + weights[:, -1])[None]
        expected = combine(method, starts, (rows @ query)[None], (centroids @ query)[None], None, linear)
        np.testing.assert_allclose(loo.scores(method)[number], expected[0], atol=1e-4)


def test_judging_strangers_leaves_the_scores_as_they_were() -> None:
    loo = leave_one_out()
    for method in CANDIDATES:
        before = loo.scores(method).copy()
        loo.out_of_bank_scores(method)
        np.testing.assert_array_equal(loo.scores(method), before)


def test_a_copy_of_the_query_is_left_out_with_it() -> None:
    vectors = clustered(8, 5, 0.8, 5)
    doubled = np.repeat(vectors, 2, axis=1).reshape(-1, 32)
    twice = LeaveOneOut.of(doubled, np.repeat(np.arange(8), 10))
    once = leave_one_out()
    method = Method("samples", k=1)
    np.testing.assert_allclose(twice.scores(method), once.scores(method), atol=1e-5)


def test_queries_are_the_same_against_a_smaller_bank() -> None:
    loo = leave_one_out()
    gone = np.zeros(len(loo.owner), bool)
    gone[[0, 6, 11]] = True
    smaller, present = loo.without(gone)
    assert len(smaller.truth) == len(loo.truth)
    assert present.tolist() == list(range(8))
    method = Method("samples", k=1)
    row = loo.queries[0]
    cosines = smaller.vectors @ loo.vectors[row]
    expected = np.maximum.reduceat(cosines, smaller.starts[:-1])
    np.testing.assert_allclose(smaller.scores(method)[0], expected, atol=1e-6)


def test_the_method_of_most_worth_is_chosen() -> None:
    rng = np.random.default_rng(0)
    # Two looks a class, far apart: a centroid stands for neither.
    looks = rng.normal(size=(6, 2, 1, 32))
    rows = looks + 0.15 * rng.normal(size=(6, 2, 4, 32))
    looks_alike = (rows / np.linalg.norm(rows, axis=3, keepdims=True)).reshape(-1, 32).astype(np.float32)
    loo = LeaveOneOut.of(looks_alike, np.repeat(np.arange(6), 8))
    pair = (Method("centroid"), Method("samples", k=1))
    assert choose_method(loo, np.arange(len(loo.truth)), pair) == pair[1]


def test_figures_of_meaningless_vectors_do_not_flatter() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(120, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    loo = LeaveOneOut.of(rows, np.repeat(np.arange(20), 6))
    figures = cross_fit(loo, PRESETS["standard"], CANDIDATES[:6]).measured()
    assert figures.top1 < 0.15
    assert figures.calibration_error < 0.15
    assert figures.answered < 0.2


def test_thresholds_keep_the_stated_risk_on_fresh_photos() -> None:
    half = PRESETS["standard"]
    vectors = clustered(20, 24, spread=0.6, seed=2)
    owner = np.repeat(np.arange(20), 12)
    method = Method("samples", k=1, centroid=0.5)
    ours, fresh = (LeaveOneOut.of(vectors[:, part].reshape(-1, 32), owner) for part in (slice(12), slice(12, 24)))
    crossed = cross_fit(ours, half, methods=[method] * 5, folds=5)
    fit = promised(calibrate(evaluate_preset(ours, method, half)), crossed)
    assert fit.risk_certainty == CERTAINTY
    calibration = Calibration.of(fit)
    seen = evaluate_preset(fresh, method, half)
    confidence = calibration.confidence(softmax(seen.scores, calibration.temperature).max(axis=1))
    answered = confidence >= calibration.unsure_below
    assert answered.mean() > 0.1
    assert (~seen.right[answered]).mean() <= 0.1
    assert calibration_error(confidence, seen.right) < 0.12


def test_measures_of_confidence() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([True, True, False, True])
    assert coverage_at(confidence, right, 0.0) == 0.5
    assert coverage_at(confidence, right, 0.25) == 1.0
    x, y = isotonic(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, True, False, True]))
    assert (np.diff(y) >= 0).all()
    assert len(x) == 3
