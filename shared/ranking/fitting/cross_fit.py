"""Cross-fitting: every query is evaluated with a method, calibration and thresholds fitted without it.

The thresholds of a version are tested on these outcomes (`promised`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Measured, Method, ParentThreshold, PresetCalibration
from shared.ranking.confidence import Calibration, softmax
from shared.ranking.fitting.bootstrap import PhotoBootstrap
from shared.ranking.fitting.calibrate import (
    RISK,
    PresetEvaluation,
    calibrate,
    counted,
    evaluate_preset,
)
from shared.ranking.fitting.choose import CANDIDATES, choose_method
from shared.ranking.fitting.leave_out import LeaveOneOut, ranks
from shared.ranking.fitting.left_out import LeftOut
from shared.ranking.fitting.measure import Bools, calibration_error, coverage_at
from shared.ranking.fitting.parent_outcomes import ParentOutcomes, best_parents, parents_of_columns
from shared.ranking.fitting.risk import CERTAINTY, METHOD, NEVER, Threshold, choose_threshold, least_answers
from shared.ranking.fitting.whole_bank import WholeBank
from shared.ranking.methods import Floats, Ints
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
    #: Verdict `not_in_bank`.
    foreign: Bools
    #: Queries that thresholds are tested on, as in `counted`.
    counted: Bools
    #: Share of photos with verdict `not_in_bank` when their whole class is left out.
    foreign_found: float
    #: The selected methods, one per fold.
    methods: list[Method]
    #: None where the bank names no parents.
    parents: ParentOutcomes | None = None
    #: [q] whether the photo would get a class (verdict `label`) when its own is left out; None: not known.
    accepted_outside: Bools | None = None
    #: [q] number of each query's class; None: `truth` is that.
    classes: Ints | None = None
    #: [q] number of the best class; None: `label` is that.
    named: Ints | None = None

    @property
    def label_class(self) -> Ints:
        """[q] number of the best class in the bank."""
        return self.label if self.named is None else self.named

    @property
    def truth_class(self) -> Ints:
        """[q] number of each query's class in the bank."""
        return self.truth if self.classes is None else self.classes

    @property
    def right(self) -> Bools:
        found: Bools = self.label == self.truth
        return found

    def measured(self) -> Measured:
        """Figures for manifests and reports."""
        answered = int(self.answered.sum())
        return Measured(
            queries=len(self.truth),
            top1=round(float(np.mean(self.rank == 0)), 4),
            top5=round(float(np.mean(self.rank < 5)), 4),
            calibration_error=round(calibration_error(self.confidence, self.right), 4),
            coverage_at_risk=round(coverage_at(self.confidence, self.right, RISK), 4),
            risk=RISK,
            answered=round(float(self.answered.mean()), 4),
            wrong_of_answered=round(float((~self.right[self.answered]).mean()), 4) if answered else 0.0,
            foreign_found=round(self.foreign_found, 4),
            **self._false_accepts(),
        )

    def _false_accepts(self) -> dict[str, Any]:
        """Measured on the queries that count. Classes are resampled: they are what is in a bank or not."""
        asked = self.counted
        if self.accepted_outside is None or not asked.any():
            return {}
        low, high = PhotoBootstrap(self.truth_class[asked]).share(self.accepted_outside[asked])
        share = float(self.accepted_outside[asked].mean())
        return {"false_accepts": round(share, 4), "false_accepts_interval": (round(low, 4), round(high, 4))}

    def threshold(self, risk: float = RISK) -> Threshold:
        """The threshold that these outcomes allow at a risk."""
        return self.threshold_of(np.flatnonzero(self.counted), risk)

    def threshold_of(self, queries: Ints, risk: float = RISK) -> Threshold:
        """The same, of some queries."""
        asked = np.where(self.foreign, -np.inf, self.confidence)[queries]
        return choose_threshold(asked, self.right[queries], risk, self.label_class[queries])

    def limits(self, found: Threshold) -> npt.NDArray[np.float64]:
        """[q] the confidence that each query's answer needs."""
        return found.limits(self.label_class, len(self.confidence))

    def parent_threshold(
        self, unsure_below: npt.NDArray[np.float64], queries: Ints | None = None, risk: float = RISK
    ) -> Threshold:
        """From which summed probability a parent is the answer where the class's confidence is below `unsure_below`
        ([q]): tested as the threshold of classes, on the photos that get no class. Never, where that cannot be
        promised."""
        if self.parents is None:
            return Threshold(NEVER, 0.0, 0.0)
        rows = np.flatnonzero(self.counted) if queries is None else queries
        open_ = (self.confidence < unsure_below) & ~self.foreign & (self.parents.found >= 0)
        found = choose_threshold(np.where(open_, self.parents.share, -np.inf)[rows], self.parents.right[rows], risk)
        return found if found.certainty >= CERTAINTY else Threshold(NEVER, 0.0, 0.0, found.needed)


def cross_fit(
    loo: LeftOut,
    preset: Preset,
    candidates: tuple[Method, ...] = CANDIDATES,
    nested: bool = False,
    folds: int = FOLDS,
    progress: Callable[[int, int], None] | None = None,
    methods: list[Method] | None = None,
    parent_of: Ints | None = None,
) -> CrossFitResult:
    """Selects and calibrates on all folds but one, and evaluates that one.

    A fold's threshold is tested on the outcomes of the other folds. `nested`: the evaluated photos also leave the bank;
    otherwise they stay in it while the method is selected. `methods`: what the folds select, where that is known.
    `parent_of`: [C] number of the parent of each of `loo`'s classes, -1: none (None: no class has one).
    """
    count = len(loo.truth)
    columns = None if parent_of is None or (parent_of < 0).all() else parents_of_columns(loo, parent_of)
    best, share = np.full(count, -1), np.zeros(count)
    outside, outside_class = np.zeros(count), np.zeros(count, np.int64)
    label, rank = np.zeros(count, np.int64), np.zeros(count, np.int64)
    confidence, foreign, out_of_bank = np.zeros(count), np.zeros(count, bool), np.zeros(count, bool)
    selected, evaluated, parts = [], Evaluated(loo, preset), []
    for number, (held, inner, choosing) in enumerate(_folds(loo, folds, nested)):
        method = methods[number] if methods else choose_method(inner, choosing, candidates)
        selected.append(method)
        of_inner = evaluated if inner is loo else Evaluated(inner, preset)
        asked = choosing[counted(inner, preset)[choosing]]
        calibration = Calibration.of(calibrate(of_inner.rows(method, asked)))
        seen = evaluated.rows(method, held)
        label[held], rank[held] = seen.label, ranks(seen.scores, seen.truth)
        shares = softmax(_filled(seen.scores), calibration.temperature)
        confidence[held] = calibration.confidence(shares.max(axis=1))
        if columns is not None:
            best[held], share[held] = best_parents(shares, columns[held])
        foreign[held] = calibration.out_of_bank(seen.novelty_scores["nearest"], seen.novelty_scores["score"])
        out_of_bank[held] = calibration.out_of_bank(seen.out_of_bank["nearest"], seen.out_of_bank["score"])
        left = softmax(_filled(seen.outside), calibration.temperature).max(axis=1)
        outside_class[held] = seen.outside_label
        outside[held] = np.where(out_of_bank[held], -np.inf, calibration.confidence(left))
        parts.append(held)
        if progress:
            progress(number + 1, folds)
    answered, by_parent, asks = np.zeros(count, bool), np.zeros(count, bool), counted(loo, preset)
    found = float(out_of_bank.mean()) if count else 0.0
    parents = None
    if columns is not None:
        truth = columns[np.arange(count), loo.truth] if count else best
        parents = ParentOutcomes(best, truth, share, by_parent)
    accepted = np.zeros(count, bool)
    outside_class = classes_of(loo, outside_class)
    result = CrossFitResult(
        loo.truth, label, rank, confidence, answered, foreign, asks, found, selected, parents, accepted,
        classes_of(loo, loo.truth), classes_of(loo, label),
    )  # fmt: skip
    for held in parts:
        others = asks.copy()
        others[held] = False
        chosen = np.flatnonzero(others)
        limit = result.threshold_of(chosen)
        needed = result.limits(limit)
        answered[held] = (confidence[held] >= needed[held]) & ~foreign[held]
        accepted[held] = outside[held] >= limit.limits(outside_class[held], len(held))
        if parents is not None:
            from_ = result.parent_threshold(needed, chosen).confidence
            by_parent[held] = ~answered[held] & ~foreign[held] & (best[held] >= 0) & (share[held] >= from_)
    return result


def promised(fit: PresetCalibration, crossed: CrossFitResult, labels: Sequence[str] = ()) -> PresetCalibration:
    """A preset's calibration with the threshold that its cross-fitted outcomes allow, and what that promises.

    labels: of the bank's classes by number.
    """
    found = crossed.threshold()
    said: dict[str, object] = {"risk": RISK, "risk_method": METHOD, "risk_certainty": found.certainty}
    if not fit.calibrated:
        # Nothing is known of so few photos: every one gets its best class, and reports say so.
        return fit.model_copy(update=said | {"risk_certainty": 0.0, "risk_photos_needed": least_answers(RISK)})
    said |= {"risk_coverage": round(found.coverage, 4), "unsure_below": found.confidence}
    if found.needed is not None:
        said["risk_photos_needed"] = found.needed
    if found.classes:
        said["unsure_below_by_class"] = {labels[number]: limit for number, limit in found.classes.items()}
    parents = crossed.parent_threshold(crossed.limits(found))
    if parents.certainty:
        photos = int(crossed.counted.sum())
        coverage = round(parents.coverage, 4)
        said["parents"] = ParentThreshold(answer_from=parents.confidence, coverage=coverage, photos=photos)
    return fit.model_copy(update=said)


@dataclass(frozen=True)
class Evaluated:
    """All queries under one preset; each method is ranked once."""

    loo: LeftOut
    preset: Preset
    known: dict[Method, PresetEvaluation] = field(default_factory=dict)

    def rows(self, method: Method, queries: Ints) -> PresetEvaluation:
        """What `evaluate_preset` says of these queries."""
        if method not in self.known:
            self.known[method] = evaluate_preset(self.loo, method, self.preset, np.arange(len(self.loo.truth)))
        return self.known[method].rows(queries)


def classes_of(loo: LeftOut, columns: Ints) -> Ints:
    """[q] the class in the bank of each query's column."""
    if isinstance(loo, WholeBank):
        found: Ints = np.take_along_axis(loo.classes, columns[:, None], axis=1)[:, 0]
        return found
    return columns


def _filled(scores: Floats) -> npt.NDArray[np.float32]:
    # A query without any ranked class still needs finite scores for softmax.
    empty = ~np.asarray(np.isfinite(scores).any(axis=1))
    return np.where(empty[:, None], np.float32(0), scores).astype(np.float32)


def _folds(loo: LeftOut, folds: int, nested: bool) -> Iterator[tuple[Ints, LeftOut, Ints]]:
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
        assert isinstance(loo, LeaveOneOut), "photos leave a small bank only"
        kept = ~np.isin(loo.groups.of, loo.photo[held])
        present, owner = np.unique(loo.owner[kept], return_inverse=True)
        texts = None if loo.texts is None else loo.texts[present]
        inner = LeaveOneOut.of(loo.vectors[kept], owner.astype(np.int64), texts)
        yield held, inner, np.flatnonzero(inner.answerable)
