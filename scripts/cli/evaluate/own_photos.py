"""A bank judged by leave-one-out on its own photos: cross-fitted answers, and the sweep over `topc`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scripts.cli.evaluate.evaluation import (
    Learning,
    LearningPoint,
    MorePhotos,
    NeededClass,
    ParentFigures,
    TopcFigures,
)
from scripts.cli.evaluate.outcome import Outcomes, rounded
from shared.bank.bank import Bank
from shared.core.errors import InvalidRequest
from shared.curation.check import NESTED_ROWS
from shared.ranking.fitting.bootstrap import PhotoBootstrap
from shared.ranking.fitting.calibrate import evaluate_preset
from shared.ranking.fitting.cross_fit import CrossFitResult, cross_fit
from shared.ranking.fitting.fit import MIN_QUERIES_TO_FIT, sample_for_evaluation
from shared.ranking.fitting.learning import MORE, Curve, learning_curve, needs
from shared.ranking.fitting.leave_out import LeaveOneOut, ranks
from shared.ranking.model import Preset
from shared.ranking.parents import parents_of
from shared.ranking.ranker import Ranker

#: Values of `topc` that are compared.
SWEEP = (4, 6, 8, 10, 12, 16, 24, 32, 64)
#: Photos ranked at a time while the sweep is timed, and how often; the fastest time counts.
_MICRO_BATCH, _ROUNDS = 32, 5


@dataclass(frozen=True)
class Crossed:
    """Cross-fitted answers of a bank's photos."""

    bank: Bank
    loo: LeaveOneOut
    #: Labels of the classes that `loo` numbers.
    labels: tuple[str, ...]
    answers: CrossFitResult


@dataclass(frozen=True)
class OwnPhotos:
    """What a bank's own photos say of it."""

    crossed: Crossed
    outcomes: Outcomes
    sweep: list[TopcFigures]
    #: What more photos would bring; None where most classes have fewer than two.
    learning: Learning | None
    #: Names of the methods that the folds chose.
    methods: list[str]


def judge(bank: Bank, preset: Preset, progress: Callable[[int, int], None]) -> OwnPhotos:
    """Outcomes of all photos of one class, and what follows from the bank's vectors. Raises as `crossed`."""
    found = crossed(bank, preset, progress)
    loo, labels, cross_fitted = found.loo, found.labels, found.answers
    outcomes = Outcomes(
        labels,
        cross_fitted.truth,
        cross_fitted.label,
        cross_fitted.rank,
        cross_fitted.confidence,
        cross_fitted.answered,
        loo.photo,
    )
    return OwnPhotos(
        found,
        outcomes,
        sweep(bank, loo, preset),
        learning(bank, loo, preset, cross_fitted, labels),
        sorted({method.name for method in cross_fitted.methods}),
    )


def crossed(bank: Bank, preset: Preset, progress: Callable[[int, int], None]) -> Crossed:
    """Answers of all photos of one class, each fitted without it.

    Raises InvalidRequest where the bank has too few photos with a classmate, or vectors without meaning.
    """
    loo, labels = of_bank(bank)
    if not bank.meaningful:
        raise InvalidRequest(reason="the bank's vectors come from a test engine and mean nothing")
    if int(loo.answerable.sum()) < MIN_QUERIES_TO_FIT:
        raise InvalidRequest(reason=f"leave-one-out needs {MIN_QUERIES_TO_FIT} photos that have another of their class")
    nested = len(loo.owner) <= NESTED_ROWS
    by_label = {entry.label: number for entry, number in zip(bank.classes, parents_of(bank.classes)[0], strict=True)}
    parent_of = np.array([by_label[label] for label in labels], np.int64)
    return Crossed(bank, loo, labels, cross_fit(loo, preset, nested=nested, progress=progress, parent_of=parent_of))


def parent_figures(answers: CrossFitResult) -> ParentFigures | None:
    """None where the bank names no parents."""
    found = answers.parents
    if found is None:
        return None
    wrong = float((~found.right[found.answered]).mean()) if found.answered.any() else 0.0
    return ParentFigures(answered=round(float(found.answered.mean()), 4), wrong_of_answered=round(wrong, 4))


def learning(
    bank: Bank, loo: LeaveOneOut, preset: Preset, answers: CrossFitResult, labels: tuple[str, ...]
) -> Learning | None:
    """Top-1 by samples per class, and the classes where more photos would help most."""
    curve = learning_curve(loo, bank.manifest.ranking.method, preset)
    if not curve.sizes:
        return None
    # Photos whose class cannot be recognised at all are always wrong: they would hide the classes that are hard.
    known = answers.counted
    found = needs(curve, loo.truth[known], answers.right[known], loo.photo[known], loo.classes)
    return Learning(
        classes=curve.classes,
        points=[_point(curve, size) for size in curve.sizes],
        more=None
        if found is None
        else MorePhotos(
            photos=MORE,
            classes=[
                NeededClass(
                    label=labels[one.label],
                    asked=one.asked,
                    wrong=one.wrong,
                    gain=round(one.gain, 4),
                    sure=round(one.sure, 2),
                )
                for one in found.classes
            ],
            gain=round(found.gain, 4),
            interval=rounded(found.interval),
        ),
    )


def _point(curve: Curve, size: int) -> LearningPoint:
    at = curve.samples == size
    return LearningPoint(
        samples=size,
        top1=round(float(curve.right[at].mean()), 4),
        interval=rounded(PhotoBootstrap(curve.photo[at]).share(curve.right[at])),
        photos=len(np.unique(curve.photo[at])),
    )


def of_bank(bank: Bank) -> tuple[LeaveOneOut, tuple[str, ...]]:
    """Leave-one-out over a bank (an even sample of a large one), and the labels of its classes."""
    owner = np.repeat(np.arange(len(bank.labels)), bank.counts)
    rows = sample_for_evaluation(owner)
    present, sampled = np.unique(owner[rows], return_inverse=True)
    texts = None if bank.texts is None else bank.texts[present]
    loo = LeaveOneOut.of(bank.vectors[rows], sampled.astype(np.int64), texts)
    return loo, tuple(bank.labels[index] for index in present)


def sweep(bank: Bank, loo: LeaveOneOut, preset: Preset) -> list[TopcFigures]:
    """For every `topc`: recall of the coarse stage, top-1, top-5, and milliseconds a photo.

    The method is the bank's own, chosen on these photos: the rows compare with each other, not with cross-fitted
    figures.
    """
    method = bank.manifest.ranking.method
    ranked = np.diff(loo.starts) >= preset.min_samples
    coarse = ranks(np.where(ranked, loo.centroid, -np.inf).astype(np.float32), loo.truth)
    found = []
    for topc in SWEEP:
        wider = replace(preset, topc=topc)
        seen = evaluate_preset(loo, method, wider, np.arange(len(loo.truth)))
        rank = ranks(seen.scores, seen.truth)
        found.append(
            TopcFigures(
                topc=topc,
                coarse_recall=round(float(np.mean(coarse < topc)), 4),
                top1=round(float(np.mean(rank < 1)), 4),
                top5=round(float(np.mean(rank < 5)), 4),
                ms_a_photo=round(_milliseconds(Ranker(bank, wider), loo.asked), 4),
            )
        )
        if topc >= len(bank.labels):
            break
    return found


def _milliseconds(ranker: Ranker, photos: np.ndarray[Any, Any]) -> float:
    batch = photos[:_MICRO_BATCH]
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        ranker.rank(batch)
        times.append(time.perf_counter() - began)
    return min(times) / len(batch) * 1e3
