"""Fits a bank's ranking on its own samples: centroids, fine method, calibration, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import CentroidRanking, Method, PresetCalibration, RankingFit
from shared.ranking.fitting.calibrate import RISK, calibrate, evaluate_preset
from shared.ranking.fitting.choose import CANDIDATES, choose_method
from shared.ranking.fitting.cross_fit import CrossFitResult, cross_fit, promised
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.left_out import LeftOut
from shared.ranking.fitting.linear import fit_linear
from shared.ranking.fitting.moments import Moments, class_sums
from shared.ranking.fitting.risk import METHOD, least_answers
from shared.ranking.fitting.whole_bank import whole_bank
from shared.ranking.methods import CENTROIDS, DEFAULT, LINEAR, Floats, Ints, asks_density
from shared.ranking.model import DENSE_ROWS, PRESETS
from shared.ranking.names import name_only_ranking, name_scale

#: Softmax temperature of the default method without calibration.
DEFAULT_TEMPERATURE = 0.05
_UNCALIBRATED = PresetCalibration(temperature=DEFAULT_TEMPERATURE, calibrated=False)
#: Folds of the outcomes that thresholds are tested on.
_FOLDS = 5
#: Minimum number of queries with another photo in their class for selecting a method.
MIN_QUERIES_TO_FIT = 20
#: Samples above which a bank is large: read a part at a time, queries compared with the classes nearest to them
#: (`whole_bank`), linear methods fitted from sums. Up to here everything is compared with everything.
LARGE = DENSE_ROWS
#: Of the densities that candidates ask for.
BETAS = tuple(sorted({method.beta for method in CANDIDATES if asks_density(method)}))
#: Classes of a sample of a large bank for reports.
_EVALUATION_CLASSES = 5_000


@dataclass(frozen=True)
class Fitted:
    #: [C, d]
    centroids: Floats
    #: [C, d + 1] for linear methods.
    linear: Floats | None
    #: The manifest's `ranking`.
    fit: RankingFit


def centroids_of(sums: Floats) -> Floats:
    """[C, d] L2-normalised means of the rows of each class, from `moments.class_sums`."""
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    centroids: Floats = (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
    return centroids


def sample_for_evaluation(owner: Ints) -> Ints:
    """Rows for a report: all, or an even sample of a large bank's classes and of each class's rows."""
    if len(owner) <= LARGE:
        return np.arange(len(owner))
    labels = np.unique(owner)
    if len(labels) > _EVALUATION_CLASSES:
        labels = labels[np.linspace(0, len(labels) - 1, _EVALUATION_CLASSES).astype(int)]
    each = max(2, LARGE // len(labels))
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
    parent_of: Ints | None = None,
) -> Fitted:
    """Fits what ranking needs to [n, d] samples whose classes are `owner` (ascending).

    `learn` False: the vectors are meaningless (hash engines), so nothing is selected or calibrated. `parent_of`: as of
    `cross_fit`.
    """
    if not len(vectors):
        progress(1, 1)
        return Fitted(np.empty(vectors.shape, np.float32), None, name_only_ranking(text_temperature))
    starts = np.append(np.flatnonzero(np.diff(owner, prepend=-1)), len(owner))
    sums = class_sums(vectors, starts)
    centroids = centroids_of(sums)
    plain = RankingFit(method=DEFAULT, chosen=False, calibration={"*": _UNCALIBRATED})
    if not learn:
        progress(1, 1)
        return Fitted(centroids, None, plain)
    if len(owner) < MIN_QUERIES_TO_FIT:
        progress(1, 1)
        return Fitted(centroids, None, plain.model_copy(update={"calibration": {"*": _too_few(0)}}))
    names = None if texts is None else texts.astype(np.float32)
    moments = Moments.of(vectors, starts, sums) if len(owner) > LARGE else None
    loo: LeftOut
    if moments is not None:
        loo = whole_bank(vectors, starts, sums, names, moments, BETAS)
    else:
        loo = LeaveOneOut.of(vectors, owner, names)
    queries = np.flatnonzero(loo.answerable)
    if len(queries) < MIN_QUERIES_TO_FIT:
        progress(1, 1)
        return Fitted(centroids, None, plain.model_copy(update={"calibration": {"*": _too_few(len(queries))}}))
    method = choose_method(loo, queries, progress=progress)
    standard = cross_fit(loo, PRESETS["standard"], folds=_FOLDS, parent_of=parent_of)
    calibrated = _calibration_for(loo, queries, method, standard.methods, {"standard": standard}, parent_of, labels)
    fit = RankingFit(
        method=method,
        chosen=True,
        same_above=round(loo.threshold, 5),
        measured=standard.measured(),
        calibration=calibrated.calibration,
        centroids=_calibration_for(loo, queries, CENTROIDS, [CENTROIDS] * _FOLDS, {}, parent_of, labels),
    )
    if loo.text is not None:
        fit = fit.model_copy(update={"names": calibrated.names})
    if method.name not in LINEAR:
        return Fitted(centroids, None, fit)
    linear = fit_linear(method, vectors, owner, len(labels)) if moments is None else moments.fit(method)
    return Fitted(centroids, linear, fit)


def _too_few(queries: int) -> PresetCalibration:
    """Of a bank with too few photos to measure anything: every photo gets its best class, and nothing is promised."""
    return PresetCalibration(
        temperature=DEFAULT_TEMPERATURE,
        calibrated=False,
        queries=queries,
        risk=RISK,
        risk_method=METHOD,
        risk_certainty=0.0,
        risk_photos_needed=least_answers(RISK),
    )


def _calibration_for(
    loo: LeftOut,
    queries: Ints,
    method: Method,
    methods: list[Method],
    known: dict[str, CrossFitResult],
    parent_of: Ints | None,
    labels: Sequence[str],
) -> CentroidRanking:
    """Calibration of a method per preset, and the scale of name-only classes' scores.

    `methods`: what each fold selects; `known`: outcomes by preset that are there already.
    """
    calibration = {"*": _UNCALIBRATED}
    for name, preset in PRESETS.items():
        crossed = known.get(name) or cross_fit(loo, preset, folds=_FOLDS, methods=methods, parent_of=parent_of)
        calibration[name] = promised(calibrate(evaluate_preset(loo, method, preset)), crossed, labels)
    if loo.text is None:
        return CentroidRanking(calibration=calibration)
    return CentroidRanking(calibration=calibration, names=name_scale(loo.scores(method)[queries], loo.text[queries]))
