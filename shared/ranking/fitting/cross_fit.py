"""Cross-fitting: every query is evaluated with a method, calibration and thresholds fitted without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.ranking.confidence import Calibration, softmax
from shared.ranking.fitting.calibrate import RISK, PresetEvaluation, calibrate, evaluate_preset
from shared.ranking.fitting.choose import CANDIDATES, choose_method
from shared.ranking.fitting.leave_out import LeaveOneOut, ranks
from shared.ranking.fitting.measure import Bools, calibration_error, coverage_at
from shared.ranking.methods import Ints, Method
from shared.ranking.model import Preset

FOLDS = 10


@dataclass(frozen=True)
class CrossFitResult:
    """Cross-fitted outcomes of all queries of a leave-one-out, [q] each."""

    truth: Ints
    label: Ints
    #: Number of classes ranked before the correct one.
    rank: Ints
    confidence: npt.NDArray[np.float64]
    #: Verdict `label`; the rest is `unsure` or `not_in_bank`.
    answered: Bools
    #: Share of photos with verdict `not_in_bank` when their whole class is left out.
    foreign_found: float
    #: The selected methods, one per fold.
    methods: list[Method]

    @property
    def right(self) -> Bools:
        found: Bools = self.label == self.truth
        return found

    def document(self) -> dict[str, Any]:
        """Figures for manifests and reports."""
        answered = int(self.answered.sum())
        return {
            "queries": len(self.truth),
            "top1": round(float(np.mean(self.rank == 0)), 4),
            "top5": round(float(np.mean(self.rank < 5)), 4),
            "calibration_error": round(calibration_error(self.confidence, self.right), 4),
            "coverage_at_risk": round(coverage_at(self.confidence, self.right, RISK), 4),
            "risk": RISK,
            "answered": round(float(self.answered.mean()), 4),
            "wrong_of_answered": round(float((~self.right[self.answered]).mean()), 4) if answered else 0.0,
            "foreign_found": round(self.foreign_found, 4),
        }


def cross_fit(
    loo: LeaveOneOut,
    preset: Preset,
    candidates: tuple[Method, ...] = CANDIDATES,
    nested: bool = False,
    folds: int = FOLDS,
    progress: Callable[[int, int], None] | None = None,
) -> CrossFitResult:
    """Selects and calibrates on all folds but one, and evaluates that one.

    `nested`: the evaluated photos also leave the bank; otherwise they stay in it while the method is selected.
    """
    count = len(loo.truth)
    label, rank = np.zeros(count, np.int64), np.zeros(count, np.int64)
    confidence, answered, out_of_bank = np.zeros(count), np.zeros(count, bool), np.zeros(count, bool)
    methods = []
    for number, (held, inner, choosing) in enumerate(_folds(loo, folds, nested)):
        method = choose_method(inner, choosing, candidates)
        methods.append(method)
        enough = np.diff(inner.starts)[inner.truth[choosing]] >= preset.min_samples
        asked = choosing[np.flatnonzero(enough)]
        calibration = Calibration.of(calibrate(evaluate_preset(inner, method, preset, asked)))
        seen = evaluate_preset(loo, method, preset, held)
        label[held], rank[held] = seen.label, ranks(seen.scores, seen.truth)
        confidence[held] = calibration.confidence(softmax(_finite(seen), calibration.temperature).max(axis=1))
        sure = confidence[held] >= calibration.unsure_below
        answered[held] = sure & ~calibration.out_of_bank(seen.novelty_scores["nearest"], seen.novelty_scores["score"])
        out_of_bank[held] = calibration.out_of_bank(seen.out_of_bank["nearest"], seen.out_of_bank["score"])
        if progress:
            progress(number + 1, folds)
    return CrossFitResult(
        loo.truth, label, rank, confidence, answered, float(out_of_bank.mean()) if count else 0.0, methods
    )


def _finite(seen: PresetEvaluation) -> npt.NDArray[np.float32]:
    # A query without any ranked class still needs finite scores for softmax.
    empty = ~np.asarray(np.isfinite(seen.scores).any(axis=1))
    return np.where(empty[:, None], np.float32(0), seen.scores).astype(np.float32)


def _folds(loo: LeaveOneOut, folds: int, nested: bool) -> Iterator[tuple[Ints, LeaveOneOut, Ints]]:
    """Per fold: (query numbers to evaluate, leave-one-out for the selection, its query numbers)."""
    # Photos of a class are adjacent, so dealing them out in turn stratifies the folds deterministically.
    fold = np.arange(len(loo.truth)) % folds
    for part in range(folds):
        held = np.flatnonzero(fold == part)
        if not len(held):
            continue
        if not nested:
            yield held, loo, np.flatnonzero((fold != part) & loo.answerable)
            continue
        kept = ~np.isin(loo.groups.of, loo.photo[held])
        present, owner = np.unique(loo.owner[kept], return_inverse=True)
        texts = None if loo.texts is None else loo.texts[present]
        inner = LeaveOneOut.of(loo.vectors[kept], owner.astype(np.int64), texts)
        yield held, inner, np.flatnonzero(inner.answerable)
