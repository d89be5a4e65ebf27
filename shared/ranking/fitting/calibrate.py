"""Calibrates confidence and the limit of `not_in_bank` on leave-one-out scores; `risk` chooses the threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Curve, Method, PresetCalibration
from shared.ranking.confidence import softmax
from shared.ranking.fitting.choose import spread
from shared.ranking.fitting.left_out import LeftOut
from shared.ranking.fitting.measure import Bools
from shared.ranking.methods import Floats, Ints
from shared.ranking.model import Preset

#: Target share of wrong answers among those with verdict `label`.
RISK = 0.10
#: Target share of correct answers with verdict `not_in_bank`.
OUT_OF_BANK_RISK = 0.05
#: Minimum number of queries for calibration.
MIN_QUERIES = 20
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
    #: [q, topc] scores of the classes that are left then, best first; -inf where there are fewer.
    outside: Floats
    #: [q] column of the best of them.
    outside_label: Ints

    @property
    def label(self) -> Ints:
        best: Ints = self.scores.argmax(axis=1)
        return best

    @property
    def right(self) -> Bools:
        found: Bools = self.label == self.truth
        return found

    def rows(self, queries: Ints) -> PresetEvaluation:
        """Those of some queries, by their place here."""
        return PresetEvaluation(
            self.scores[queries],
            {name: values[queries] for name, values in self.novelty_scores.items()},
            {name: values[queries] for name, values in self.out_of_bank.items()},
            self.truth[queries],
            self.outside[queries],
            self.outside_label[queries],
        )


def evaluate_preset(loo: LeftOut, method: Method, preset: Preset, queries: Ints | None = None) -> PresetEvaluation:
    """Ranks these queries (None: all whose class is ranked and has another photo) under the preset."""
    if queries is None:
        queries = np.flatnonzero(counted(loo, preset))
    truth = loo.truth[queries]
    nearest = loo.nearest[queries]
    coarse = np.where(loo.sizes[queries] >= preset.min_samples, loo.centroid[queries], -np.inf)

    def seen(coarse: npt.NDArray[Any], fine: Floats) -> tuple[Floats, dict[str, Floats]]:
        scores = np.where(_top(coarse, preset.topc), fine, -np.inf).astype(np.float32)
        shown = np.where(_top(scores, _CANDIDATES), nearest, -1)
        novelty_scores = {"nearest": shown.max(axis=1, initial=-1), "score": scores.max(axis=1, initial=-1e9)}
        return scores, novelty_scores

    scores, novelty_scores = seen(coarse, loo.scores(method)[queries])
    own = np.arange(coarse.shape[1])[None] == truth[:, None]
    others, out_of_bank = seen(np.where(own, -np.inf, coarse), loo.out_of_bank_scores(method)[queries])
    width = min(preset.topc, others.shape[1])
    outside = -np.sort(-np.partition(others, others.shape[1] - width, axis=1)[:, -width:], axis=1)
    return PresetEvaluation(scores, novelty_scores, out_of_bank, truth, outside, others.argmax(axis=1))


def counted(loo: LeftOut, preset: Preset) -> Bools:
    """[q] queries whose class is ranked and has another photo: photos of classes that the bank can recognise."""
    own = loo.sizes[np.arange(len(loo.truth)), loo.truth]
    found: Bools = loo.answerable & (own >= preset.min_samples)
    return found


def _top(scores: npt.NDArray[Any], count: int) -> Bools:
    """[q, C] the best `count` finite scores of each row, ties by class."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    chosen = np.zeros(scores.shape, bool)
    np.put_along_axis(chosen, order, True, axis=1)
    found: Bools = chosen & np.isfinite(scores)
    return found


def calibrate(seen: PresetEvaluation) -> PresetCalibration:
    """The manifest's calibration for one preset, without the threshold on confidence (see `cross_fit.promised`)."""
    right = seen.right
    if len(right) < MIN_QUERIES:
        return PresetCalibration(temperature=0.05, calibrated=False, queries=len(right))
    temperature = _temperature(seen)
    shares = softmax(seen.scores, temperature).max(axis=1).astype(np.float64)
    fit = PresetCalibration(temperature=temperature, calibrated=True, queries=len(right))
    curve = _isotonic_if_better(shares, right)
    if curve is not None:
        fit = fit.model_copy(update={"isotonic": curve})
    limit = _out_of_bank_limit(seen)
    fit = fit.model_copy(update={"foreign_found": limit.detected})
    if limit.by:
        fit = fit.model_copy(update={"foreign_by": limit.by, "foreign_below": limit.below})
    return fit


def _temperature(seen: PresetEvaluation) -> float:
    """The softmax temperature whose top-1 probability best fits top-1 accuracy (minimum binary log-loss)."""

    scores, right = seen.scores, seen.right
    # Only `topc` scores of a row are finite: the others add nothing to a softmax but time.
    width = int(np.isfinite(scores).sum(axis=1).max(initial=1))
    if width < scores.shape[1]:
        scores = -np.partition(-scores, width - 1, axis=1)[:, :width]

    def loss(temperature: float) -> float:
        return _binary_loss(softmax(scores, temperature).max(axis=1), right)

    grid = np.geomspace(0.02, 10, 40) * spread(seen.scores)
    best = int(np.argmin([loss(float(t)) for t in grid]))
    fine = np.geomspace(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)], 15)
    return float(f"{min(fine, key=lambda t: loss(float(t))):.6g}")


def _binary_loss(confidence: npt.NDArray[Any], right: Bools) -> float:
    clipped = np.clip(confidence.astype(np.float64), 1e-4, 1 - 1e-4)
    return float(-np.mean(np.where(right, np.log(clipped), np.log(1 - clipped))))


def _isotonic_if_better(shares: npt.NDArray[np.float64], right: Bools) -> Curve | None:
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
    return Curve(x=[round(float(v), 6) for v in x], y=[round(float(v), 6) for v in y])


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


@dataclass(frozen=True)
class _Limit:
    """Below this value of that novelty score (empty: none is good enough), photos are out of the bank."""

    #: Share of photos of left-out classes.
    detected: float = 0.0
    by: str = ""
    below: float = -np.inf


def _out_of_bank_limit(seen: PresetEvaluation) -> _Limit:
    """The novelty score and limit that detect most photos of left-out classes at `OUT_OF_BANK_RISK`."""
    right = seen.right
    found = _Limit()
    if right.sum() < MIN_QUERIES:
        return found
    for name, values in seen.novelty_scores.items():
        limit = float(np.sort(values[right])[int(OUT_OF_BANK_RISK * right.sum())])
        share = float(np.mean(seen.out_of_bank[name] < limit))
        if share > found.detected:
            found = _Limit(round(share, 4), name, limit)
    return found if found.detected >= _MIN_DETECTED else _Limit(found.detected)
