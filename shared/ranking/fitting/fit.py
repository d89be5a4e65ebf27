"""Fits a bank's ranking on its own samples: centroids, fine method, calibration, thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.ranking.fitting.calibrate import calibrate, evaluate_preset
from shared.ranking.fitting.choose import CANDIDATES, choose_method
from shared.ranking.fitting.cross_fit import cross_fit
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.linear import fit_linear
from shared.ranking.methods import CENTROIDS, DEFAULT, LINEAR, Floats, Ints, Method
from shared.ranking.model import PRESETS
from shared.ranking.names import name_only_ranking, name_scale

#: Softmax temperature of the default method without calibration.
DEFAULT_TEMPERATURE = 0.05
#: Minimum number of queries with another photo in their class for selecting a method.
MIN_QUERIES_TO_FIT = 20
#: Maximum rows and classes for leave-one-out; larger banks are evaluated on an even sample.
_EVALUATION_ROWS = 20_000
_EVALUATION_CLASSES = 5_000
#: Maximum rows for linear methods, which are fitted in double precision, all rows at once.
_LINEAR_ROWS = 200_000


@dataclass(frozen=True)
class Fitted:
    #: [C, d]
    centroids: Floats
    #: [C, d + 1] for linear methods.
    linear: Floats | None
    #: The manifest's `ranking`.
    manifest: dict[str, Any]


def centroids_of(vectors: npt.NDArray[Any], owner: Ints) -> Floats:
    """[C, d] L2-normalised means of the rows of each class; every class 0…C-1 has a row. `owner` ascends."""
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    sums = np.stack([np.sum(block, axis=0, dtype=np.float32) for block in np.split(vectors, starts[1:])])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    centroids: Floats = (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
    return centroids


def sample_for_evaluation(owner: Ints) -> Ints:
    """Rows for leave-one-out: all, or an even sample of a large bank's classes and of each class's rows."""
    if len(owner) <= _EVALUATION_ROWS:
        return np.arange(len(owner))
    labels = np.unique(owner)
    if len(labels) > _EVALUATION_CLASSES:
        labels = labels[np.linspace(0, len(labels) - 1, _EVALUATION_CLASSES).astype(int)]
    each = max(2, _EVALUATION_ROWS // len(labels))
    first, last = np.searchsorted(owner, labels), np.searchsorted(owner, labels, side="right")
    picks = [np.unique(np.linspace(a, b - 1, min(each, b - a)).astype(int)) for a, b in zip(first, last, strict=True)]
    rows: Ints = np.concatenate(picks).astype(np.int64)
    return rows


def fit_ranking(
    vectors: npt.NDArray[np.float16],
    owner: Ints,
    labels: tuple[str, ...],
    texts: Floats | None,
    learn: bool,
    progress: Callable[[int, int], None],
    text_temperature: float = 0.01,
) -> Fitted:
    """Fits what ranking needs to [n, d] samples whose classes are `owner` (ascending).

    `learn` False: the vectors are meaningless (hash engines), so nothing is selected or calibrated.
    """
    if not len(vectors):
        progress(1, 1)
        return Fitted(np.empty(vectors.shape, np.float32), None, name_only_ranking(text_temperature))
    centroids = centroids_of(vectors, owner)
    manifest: dict[str, Any] = {"method": DEFAULT.document(), "chosen": False}
    manifest["calibration"] = {"*": {"temperature": DEFAULT_TEMPERATURE, "calibrated": False}}
    rows = sample_for_evaluation(owner)
    if not learn or len(rows) < MIN_QUERIES_TO_FIT:
        progress(1, 1)
        return Fitted(centroids, None, manifest)
    present, sampled = np.unique(owner[rows], return_inverse=True)
    loo = LeaveOneOut.of(
        vectors[rows], sampled.astype(np.int64), None if texts is None else texts[present].astype(np.float32)
    )
    queries = np.flatnonzero(loo.answerable)
    if len(queries) < MIN_QUERIES_TO_FIT:
        progress(1, 1)
        return Fitted(centroids, None, manifest)
    candidates = tuple(m for m in CANDIDATES if m.name not in LINEAR or len(owner) <= _LINEAR_ROWS)
    method = choose_method(loo, queries, candidates, progress)
    names = tuple(labels[index] for index in present)
    manifest |= {
        "method": method.document(),
        "chosen": True,
        "same_above": round(loo.groups.threshold, 5),
        "measured": cross_fit(loo, PRESETS["standard"], candidates, folds=5).document(),
        **_calibration_for(loo, queries, method, names),
        "centroids": _calibration_for(loo, queries, CENTROIDS, names),
    }
    linear = fit_linear(method, vectors, owner, len(labels)) if method.name in LINEAR else None
    return Fitted(centroids, linear, manifest)


def _calibration_for(loo: LeaveOneOut, queries: Ints, method: Method, names: tuple[str, ...]) -> dict[str, Any]:
    """Calibration of a method per preset, and the scale of name-only classes' scores."""
    result: dict[str, Any] = {
        "calibration": {
            "*": {"temperature": DEFAULT_TEMPERATURE, "calibrated": False},
            **{name: calibrate(evaluate_preset(loo, method, preset), names) for name, preset in PRESETS.items()},
        }
    }
    if loo.text is not None:
        result["names"] = name_scale(loo.scores(method)[queries], loo.text[queries])
    return result
