"""Calibrates confidence and thresholds for a given risk on leave-one-out scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.ranking.confidence import Calibration, softmax
from shared.ranking.fitting.choose import spread
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.measure import Bools, threshold_for
from shared.ranking.methods import Floats, Ints, Method, best_mean
from shared.ranking.model import Preset

#: Target share of wrong answers among those with verdict `label`.
RISK = 0.10
#: Target share of correct answers with verdict `not_in_bank`.
OUT_OF_BANK_RISK = 0.05
#: Minimum number of queries for calibration.
MIN_QUERIES = 20
#: Minimum number of queries answered with a class for its own threshold.
_MIN_QUERIES_PER_CLASS = 30
#: Minimum number of queries for an isotonic curve, which has many degrees of freedom.
_MIN_QUERIES_ISOTONIC = 300
#: Minimum detection rate on photos of left-out classes for using `not_in_bank`.
_MIN_DETECTED = 3 * OUT_OF_BANK_RISK
#: Top classes whose nearest sample counts, as in a ranking.
_CANDIDATES = 5


@dataclass(frozen=True)
class PresetEvaluation:
    """Leave-one-out results of one preset."""

    #: [q, C] scores; -inf outside the `topc` classes.
    scores: Floats
    #: [q] by name, low for out-of-bank photos: `nearest` (best cosine to a sample), `score` (of the best class).
    novelty_scores: dict[str, Floats]
    #: The same with the query's whole class left out, which makes it an out-of-bank photo.
    out_of_bank: dict[str, Floats]
    #: [q]
    truth: Ints

    @property
    def label(self) -> Ints:
        best: Ints = self.scores.argmax(axis=1)
        return best

    @property
    def right(self) -> Bools:
        found: Bools = self.label == self.truth
        return found


def evaluate_preset(loo: LeaveOneOut, method: Method, preset: Preset, queries: Ints | None = None) -> PresetEvaluation:
    """Ranks these queries (None: all whose class is ranked and has another photo) under the preset."""
    ranked = np.diff(loo.starts) >= preset.min_samples
    if queries is None:
        queries = np.flatnonzero(loo.answerable & ranked[loo.truth])
    truth = loo.truth[queries]
    nearest = best_mean(loo.cosines[queries], loo.starts, 1)
    coarse = np.where(ranked, loo.centroid[queries], -np.inf)

    def seen(coarse: npt.NDArray[Any], fine: Floats) -> tuple[Floats, dict[str, Floats]]:
        scores = np.where(_top(coarse, preset.topc), fine, -np.inf).astype(np.float32)
        shown = np.where(_top(scores, _CANDIDATES), nearest, -1)
        novelty_scores = {"nearest": shown.max(axis=1, initial=-1), "score": scores.max(axis=1, initial=-1e9)}
        return scores, novelty_scores

    scores, novelty_scores = seen(coarse, loo.scores(method)[queries])
    own = np.arange(len(ranked))[None] == truth[:, None]
    _, out_of_bank = seen(np.where(own, -np.inf, coarse), loo.out_of_bank_scores(method)[queries])
    return PresetEvaluation(scores, novelty_scores, out_of_bank, truth)


def _top(scores: npt.NDArray[Any], count: int) -> Bools:
    """[q, C] the best `count` finite scores of each row, ties by class."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    chosen = np.zeros(scores.shape, bool)
    np.put_along_axis(chosen, order, True, axis=1)
    found: Bools = chosen & np.isfinite(scores)
    return found


def calibrate(seen: PresetEvaluation, labels: tuple[str, ...] | None = None, risk: float = RISK) -> dict[str, Any]:
    """The manifest's calibration for one preset: see `Calibration.of`. `labels`: names for own thresholds."""
    right = seen.right
    if len(right) < MIN_QUERIES:
        return {"temperature": 0.05, "calibrated": False, "queries": len(right)}
    temperature = _temperature(seen)
    shares = softmax(seen.scores, temperature).max(axis=1).astype(np.float64)
    document: dict[str, Any] = {"temperature": temperature, "calibrated": True, "queries": len(right), "risk": risk}
    curve = _isotonic_if_better(shares, right)
    if curve is not None:
        document["isotonic"] = curve
    confidence = Calibration.of(document).confidence(shares)
    document |= _out_of_bank_limit(seen)
    answered = ~Calibration.of(document).out_of_bank(seen.novelty_scores["nearest"], seen.novelty_scores["score"])
    document["unsure_below"] = threshold_for(confidence[answered], right[answered], risk)
    own = {}
    for label in range(len(labels or ())):
        rows = answered & (seen.label == label)
        if rows.sum() >= _MIN_QUERIES_PER_CLASS and labels:
            own[labels[label]] = threshold_for(confidence[rows], right[rows], risk)
    if own:
        document["unsure_below_by_class"] = own
    return document


def _temperature(seen: PresetEvaluation) -> float:
    """The softmax temperature whose top-1 probability best fits top-1 accuracy (minimum binary log-loss)."""

    def loss(temperature: float) -> float:
        return _binary_loss(softmax(seen.scores, temperature).max(axis=1), seen.right)

    grid = np.geomspace(0.02, 10, 40) * spread(seen.scores)
    best = int(np.argmin([loss(float(t)) for t in grid]))
    fine = np.geomspace(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)], 15)
    return float(f"{min(fine, key=lambda t: loss(float(t))):.6g}")


def _binary_loss(confidence: npt.NDArray[Any], right: Bools) -> float:
    clipped = np.clip(confidence.astype(np.float64), 1e-4, 1 - 1e-4)
    return float(-np.mean(np.where(right, np.log(clipped), np.log(1 - clipped))))


def _isotonic_if_better(shares: npt.NDArray[np.float64], right: Bools) -> dict[str, list[float]] | None:
    """An isotonic curve if it predicts held-out queries better than the uncalibrated probabilities."""
    count = len(shares)
    if count < _MIN_QUERIES_ISOTONIC:
        return None
    fold = np.arange(count) % 5
    held = np.empty(count)
    for part in range(5):
        x, y = isotonic(shares[fold != part], right[fold != part])
        held[fold == part] = np.interp(shares[fold == part], x, y)
    if _binary_loss(held, right) >= _binary_loss(shares, right):
        return None
    x, y = isotonic(shares, right)
    return {"x": [round(float(v), 6) for v in x], "y": [round(float(v), 6) for v in y]}


def isotonic(shares: npt.NDArray[np.float64], right: Bools) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Knots of the non-decreasing curve closest to `right` (pool adjacent violators), blocks shrunk by half a hit."""
    order = np.argsort(shares, kind="stable")
    blocks: list[list[float]] = []  # sum of right, count, sum of shares
    for share, hit in zip(shares[order], right[order], strict=True):
        blocks.append([float(hit), 1.0, float(share)])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    x = np.array([block[2] / block[1] for block in blocks])
    y = np.array([(block[0] + 0.5) / (block[1] + 1) for block in blocks])
    return x, np.maximum.accumulate(y)


def _out_of_bank_limit(seen: PresetEvaluation) -> dict[str, Any]:
    """The novelty score and limit that detect most photos of left-out classes at `OUT_OF_BANK_RISK`."""
    right = seen.right
    if right.sum() < MIN_QUERIES:
        return {"foreign_found": 0.0}
    found: dict[str, Any] = {"foreign_found": 0.0}
    for name, values in seen.novelty_scores.items():
        limit = float(np.sort(values[right])[int(OUT_OF_BANK_RISK * right.sum())])
        share = float(np.mean(seen.out_of_bank[name] < limit))
        if share > found["foreign_found"]:
            found = {"foreign_found": round(share, 4), "foreign_by": name, "foreign_below": limit}
    return found if found["foreign_found"] >= _MIN_DETECTED else {"foreign_found": found["foreign_found"]}
