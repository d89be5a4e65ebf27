"""Whether a bank keeps the risk that it states: `python -m scripts.lab.bench.risk BANK.npz [--resamplings 200]`.

BANK.npz holds one array of vectors per class. Its distinct photos (near-duplicates are one) are dealt at random into
two halves: on one, method, calibration and threshold are chosen; the other is asked. Scores are leave-one-out in the
whole bank. `before` is the threshold of earlier versions: the lowest at which (wrong + 1) / (answers + 1) ≤ risk on the
scores that the calibration was fitted on. `kept` counts halves whose own share of wrong answers is at most the risk: a
half of few answers exceeds a kept risk by chance, too. Every third candidate method is tried.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Method
from shared.core.documents import Document
from shared.curation.legacy import read_legacy
from shared.ranking.confidence import Calibration, softmax
from shared.ranking.fitting.calibrate import calibrate, counted
from shared.ranking.fitting.choose import CANDIDATES, choose_method
from shared.ranking.fitting.cross_fit import Evaluated, cross_fit
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.measure import Bools, calibration_error
from shared.ranking.fitting.risk import CERTAINTY, NEVER
from shared.ranking.methods import LINEAR, Ints
from shared.ranking.model import PRESETS, Preset

RISKS = (0.05, 0.10, 0.20)
_METHODS = CANDIDATES[::3]
_PRESET = PRESETS["standard"]
_FOLDS = 5


class Kept(Document):
    """Over all resamplings. Shares 0…1."""

    #: Resamplings whose asked half had at most the risk's share of wrong answers (or no answer).
    kept: float
    #: Mean share of photos answered, and wrong ones among all answers of all resamplings.
    coverage: float
    wrong: float


class RiskFigures(Document):
    risk: float
    before: Kept
    after: Kept
    #: Resamplings in which the risk was promised, and the same figures over those alone (None: never).
    promised: float
    where_promised: Kept | None
    #: Median of the photos that would do, over the resamplings without a promise that name a number.
    photos_needed: float | None


class RiskReport(Document):
    photos: int
    classes: int
    resamplings: int
    #: Means over the asked halves.
    top1: float
    calibration_error: float
    #: Of the answers of all halves together: halves of small banks are smaller than the bins of the error.
    calibration_error_together: float
    risks: list[RiskFigures]


def half_of(loo: LeaveOneOut, rows: Ints) -> LeaveOneOut:
    """These queries alone, against the whole bank, with the scores that are there already."""
    part = replace(loo, asked=loo.asked[rows], truth=loo.truth[rows], photo=loo.photo[rows], queries=loo.queries[rows])
    vars(part).update(
        cosines=loo.cosines[rows],
        centroid=loo.centroid[rows],
        answerable=loo.answerable[rows],
        _linear={key: (seen[rows], out[rows]) for key, (seen, out) in loo._linear.items()},
    )
    return part


def drawn(owner: Ints, each: int) -> Ints:
    """At most so many rows of each class, ascending."""
    rng = np.random.default_rng(0)
    rows = [rng.permutation(np.flatnonzero(owner == label))[:each] for label in np.unique(owner)]
    found: Ints = np.sort(np.concatenate(rows))
    return found


def earlier(confidence: npt.NDArray[np.float64], right: Bools, risk: float) -> float:
    """The threshold of earlier versions."""
    order = np.argsort(-confidence, kind="stable")
    risks = (np.cumsum(~right[order]) + 1) / (np.arange(1, len(order) + 1) + 1)
    ends = np.append(confidence[order][1:] < confidence[order][:-1], True)
    fits = np.flatnonzero((risks <= risk) & ends)
    return float(confidence[order][fits[-1]]) if len(fits) else NEVER


def measure(
    loo: LeaveOneOut, resamplings: int, methods: tuple[Method, ...] = _METHODS, preset: Preset = _PRESET
) -> RiskReport:
    """Figures of a bank under the preset."""
    for method in methods:
        if method.name in LINEAR:
            loo.linear(method)
    whole = Evaluated(loo, preset)
    rng = np.random.default_rng(0)
    photos = np.flatnonzero(counted(loo, preset))
    top1, errors = [], []
    together: list[tuple[npt.NDArray[np.float64], Bools]] = []
    #: (risk, before or after) → (answers, wrong, asked, certainty, needed) of every resampling.
    found: dict[tuple[float, str], list[tuple[int, int, int, float, int | None]]] = {}
    for _ in range(resamplings):
        dealt = rng.permutation(photos)
        ours, asked = np.sort(dealt[: len(dealt) // 2]), np.sort(dealt[len(dealt) // 2 :])
        half = half_of(loo, ours)
        fixed = [methods[0]] * _FOLDS if len(methods) == 1 else None
        method = methods[0] if fixed else choose_method(half, np.arange(len(ours)), methods)
        calibration = Calibration.of(calibrate(whole.rows(method, ours)))
        crossed = cross_fit(half, preset, methods, folds=_FOLDS, methods=fixed)

        def told(
            rows: Ints, method: Method = method, calibration: Calibration = calibration
        ) -> tuple[npt.NDArray[np.float64], Bools, Bools]:
            seen = whole.rows(method, rows)
            confidence = calibration.confidence(softmax(seen.scores, calibration.temperature).max(axis=1))
            foreign = calibration.out_of_bank(seen.novelty_scores["nearest"], seen.novelty_scores["score"])
            return confidence.astype(np.float64), seen.right, ~foreign

        fitted, fitted_right, fitted_known = told(ours)
        confidence, right, known = told(asked)
        top1.append(float(right.mean()))
        errors.append(calibration_error(confidence, right))
        together.append((confidence, right))
        for risk in RISKS:
            tested = crossed.threshold(risk)
            old = earlier(fitted[fitted_known], fitted_right[fitted_known], risk)
            for name, limit, certainty, needed in (
                ("before", old, 0.0, None),
                ("after", tested.confidence, tested.certainty, tested.needed),
            ):
                given = known & (confidence >= limit)
                wrong = int((~right[given]).sum())
                found.setdefault((risk, name), []).append((int(given.sum()), wrong, len(asked), certainty, needed))
    figures = []
    for risk in RISKS:
        after = found[risk, "after"]
        sure = [row for row in after if row[3] >= CERTAINTY]
        needs = [row[4] for row in after if row[4] is not None]
        figures.append(
            RiskFigures(
                risk=risk,
                before=_kept(found[risk, "before"], risk),
                after=_kept(after, risk),
                promised=round(len(sure) / len(after), 3),
                where_promised=_kept(sure, risk) if sure else None,
                photos_needed=float(np.median(needs)) if needs else None,
            )
        )
    all_confidence = np.concatenate([confidence for confidence, _ in together])
    all_right = np.concatenate([right for _, right in together])
    return RiskReport(
        photos=len(photos),
        classes=loo.classes,
        resamplings=resamplings,
        top1=round(float(np.mean(top1)), 4),
        calibration_error=round(float(np.mean(errors)), 4),
        calibration_error_together=round(calibration_error(all_confidence, all_right), 4),
        risks=figures,
    )


def _kept(rows: list[tuple[int, int, int, float, int | None]], risk: float) -> Kept:
    answers, wrong, asked = (np.array([row[place] for row in rows]) for place in range(3))
    return Kept(
        kept=round(float(np.mean(wrong <= risk * answers)), 3),
        coverage=round(float(np.mean(answers / asked)), 3),
        wrong=round(float(wrong.sum() / max(answers.sum(), 1)), 3),
    )


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--columns", default=":", help="FIRST:END")
    parser.add_argument("--resamplings", type=int, default=200)
    parser.add_argument("--each", type=int, default=0, help="samples of each class, drawn by chance (0: all)")
    parser.add_argument("--preset", default=_PRESET.name, choices=list(PRESETS))
    parser.add_argument("--one-method", action="store_true", help="chosen once, on all photos: ten times as fast")
    chosen = parser.parse_args()
    legacy = read_legacy(chosen.file)
    first, _, end = chosen.columns.partition(":")
    rows = legacy.vectors[:, int(first) if first else None : int(end) if end else None].astype(np.float32)
    order = np.argsort(legacy.owner, kind="stable")
    rows = rows[order] / np.linalg.norm(rows[order], axis=1, keepdims=True)
    owner = legacy.owner[order].astype(np.int64)
    if chosen.each:
        kept = drawn(owner, chosen.each)
        rows, owner = rows[kept], owner[kept]
    loo, preset = LeaveOneOut.of(rows, owner), PRESETS[chosen.preset]
    methods = _METHODS
    if chosen.one_method:
        methods = (choose_method(loo, np.flatnonzero(counted(loo, preset)), _METHODS),)
    print(json.dumps(measure(loo, chosen.resamplings, methods, preset).to_json(), indent=2))


if __name__ == "__main__":
    main()
