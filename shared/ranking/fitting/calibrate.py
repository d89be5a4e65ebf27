"""Turns leave-one-out scores into calibrated confidence and thresholds for a stated risk."""

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

#: Share of wrong answers among those given as `label`.
RISK = 0.10
#: Share of right answers that may be called `not_in_bank`.
FOREIGN_RISK = 0.05
#: With fewer answered queries nothing is calibrated.
FEWEST = 20
#: A class has a threshold of its own from this many queries answered with it.
_FEWEST_OF_CLASS = 30
#: An isotonic curve has many degrees of freedom: fewer queries than this do not carry it.
_FEWEST_ISOTONIC = 300
#: `not_in_bank` must find this share of photos of left-out classes, or it is not used.
_LEAST_FOUND = 3 * FOREIGN_RISK
#: Classes whose nearest sample is looked at, as in a ranking.
_SHOWN = 5


@dataclass(frozen=True)
class Look:
    """Leave-one-out as one preset sees it."""

    #: [q, C] scores; -inf outside the `topc` classes.
    scores: Floats
    #: [q] what tells a foreign photo, by name: `nearest` (best cosine to a sample), `score` (of the best class).
    signs: dict[str, Floats]
    #: The same with the query's whole class left out.
    foreign: dict[str, Floats]
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


def look(loo: LeaveOneOut, method: Method, preset: Preset, queries: Ints | None = None) -> Look:
    """What the preset's ranking answers to these queries (None: all that can be answered right)."""
    ranked = np.diff(loo.starts) >= preset.min_samples
    if queries is None:
        queries = np.flatnonzero(loo.answerable & ranked[loo.truth])
    truth = loo.truth[queries]
    nearest = best_mean(loo.cosines[queries], loo.starts, 1)
    coarse = np.where(ranked, loo.centroid[queries], -np.inf)

    def seen(coarse: npt.NDArray[Any], fine: Floats) -> tuple[Floats, dict[str, Floats]]:
        scores = np.where(_top(coarse, preset.topc), fine, -np.inf).astype(np.float32)
        shown = np.where(_top(scores, _SHOWN), nearest, -1)
        signs = {"nearest": shown.max(axis=1, initial=-1), "score": scores.max(axis=1, initial=-1e9)}
        return scores, signs

    scores, signs = seen(coarse, loo.scores(method)[queries])
    own = np.arange(len(ranked))[None] == truth[:, None]
    _, foreign = seen(np.where(own, -np.inf, coarse), loo.foreign_scores(method)[queries])
    return Look(scores, signs, foreign, truth)


def _top(scores: npt.NDArray[Any], count: int) -> Bools:
    """[q, C] the best `count` finite scores of each row, ties by class."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    chosen = np.zeros(scores.shape, bool)
    np.put_along_axis(chosen, order, True, axis=1)
    found: Bools = chosen & np.isfinite(scores)
    return found


def calibrate(seen: Look, labels: tuple[str, ...] | None = None, risk: float = RISK) -> dict[str, Any]:
    """The manifest's calibration for one preset: see `Calibration.of`. `labels`: names for own thresholds."""
    right = seen.right
    if len(right) < FEWEST:
        return {"temperature": 0.05, "calibrated": False, "queries": len(right)}
    temperature = _temperature(seen)
    shares = softmax(seen.scores, temperature).max(axis=1).astype(np.float64)
    document: dict[str, Any] = {"temperature": temperature, "calibrated": True, "queries": len(right), "risk": risk}
    curve = _isotonic_if_better(shares, right)
    if curve is not None:
        document["isotonic"] = curve
    confidence = Calibration.of(document).confidence(shares)
    document |= _foreign_limit(seen)
    answered = ~Calibration.of(document).foreign(seen.signs["nearest"], seen.signs["score"])
    document["unsure_below"] = threshold_for(confidence[answered], right[answered], risk)
    own = {}
    for label in range(len(labels or ())):
        rows = answered & (seen.label == label)
        if rows.sum() >= _FEWEST_OF_CLASS and labels:
            own[labels[label]] = threshold_for(confidence[rows], right[rows], risk)
    if own:
        document["unsure_below_by_class"] = own
    return document


def _temperature(seen: Look) -> float:
    """The softmax temperature at which the best class's share fits how often it is right (least binary log-loss)."""

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
    """An isotonic curve where it predicts held-out queries better than the shares themselves."""
    count = len(shares)
    if count < _FEWEST_ISOTONIC:
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


def _foreign_limit(seen: Look) -> dict[str, Any]:
    """The sign and limit that find most photos of left-out classes while few right answers fall below it."""
    right = seen.right
    if right.sum() < FEWEST:
        return {"foreign_found": 0.0}
    found: dict[str, Any] = {"foreign_found": 0.0}
    for name, values in seen.signs.items():
        limit = float(np.sort(values[right])[int(FOREIGN_RISK * right.sum())])
        share = float(np.mean(seen.foreign[name] < limit))
        if share > found["foreign_found"]:
            found = {"foreign_found": round(share, 4), "foreign_by": name, "foreign_below": limit}
    return found if found["foreign_found"] >= _LEAST_FOUND else {"foreign_found": found["foreign_found"]}
