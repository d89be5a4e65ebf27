"""Cross-fitted figures: every query is judged by a method, calibration and thresholds that never saw it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.ranking.confidence import Calibration, softmax
from shared.ranking.fitting.calibrate import RISK, Look, calibrate, look
from shared.ranking.fitting.choose import CANDIDATES, choose_method
from shared.ranking.fitting.leave_out import LeaveOneOut, ranks
from shared.ranking.fitting.measure import Bools, calibration_error, coverage_at
from shared.ranking.methods import Ints, Method
from shared.ranking.model import Preset

FOLDS = 10


@dataclass(frozen=True)
class Honest:
    """Cross-fitted outcomes of all queries of a leave-one-out, [q] each."""

    truth: Ints
    label: Ints
    #: Classes before the right one.
    rank: Ints
    confidence: npt.NDArray[np.float64]
    #: Answered with `label`; the rest is `unsure` or `not_in_bank`.
    answered: Bools
    #: Share of photos called `not_in_bank` when their whole class is left out.
    foreign_found: float
    #: The methods chosen, one a fold.
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
) -> Honest:
    """Chooses and calibrates on all folds but one, judges that one; `nested`: its photos leave the bank meanwhile.

    Without `nested` the choosing queries are ranked against a bank that holds the judged photos, never as answers.
    """
    count = len(loo.truth)
    label, rank = np.zeros(count, np.int64), np.zeros(count, np.int64)
    confidence, answered, foreign = np.zeros(count), np.zeros(count, bool), np.zeros(count, bool)
    methods = []
    for number, (held, inner, choosing) in enumerate(_folds(loo, folds, nested)):
        method = choose_method(inner, choosing, candidates)
        methods.append(method)
        enough = np.diff(inner.starts)[inner.truth[choosing]] >= preset.min_samples
        asked = choosing[np.flatnonzero(enough)]
        calibration = Calibration.of(calibrate(look(inner, method, preset, asked)))
        seen = look(loo, method, preset, held)
        label[held], rank[held] = seen.label, ranks(seen.scores, seen.truth)
        confidence[held] = calibration.confidence(softmax(_finite(seen), calibration.temperature).max(axis=1))
        sure = confidence[held] >= calibration.unsure_below
        answered[held] = sure & ~calibration.foreign(seen.signs["nearest"], seen.signs["score"])
        foreign[held] = calibration.foreign(seen.foreign["nearest"], seen.foreign["score"])
        if progress:
            progress(number + 1, folds)
    return Honest(loo.truth, label, rank, confidence, answered, float(foreign.mean()) if count else 0.0, methods)


def _finite(seen: Look) -> npt.NDArray[np.float32]:
    # A query whose classes were all left out still needs a row that softmax can take.
    empty = ~np.asarray(np.isfinite(seen.scores).any(axis=1))
    return np.where(empty[:, None], np.float32(0), seen.scores).astype(np.float32)


def _folds(loo: LeaveOneOut, folds: int, nested: bool) -> Iterator[tuple[Ints, LeaveOneOut, Ints]]:
    """(query numbers judged, the leave-one-out that chooses, its query numbers) for every fold."""
    # Classmates lie beside each other: dealt out one by one they spread over the folds, the same way every time.
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
