"""The confidence from which a bank gives a definite answer, chosen so that the stated risk is kept.

Risk is the selective error: the share of wrong answers among those given. `choose_threshold` is Learn-then-Test
(Angelopoulos, Bates, Candès, Jordan & Lei, arXiv:2110.01052): each threshold of a sequence that does not depend on
which answers are wrong is a hypothesis “more than `risk` are wrong”, rejected by the exact binomial test; the loosest
rejected threshold is taken. Fixed-sequence testing would stop at the first wrong answer of a small bank, so the level
is split between two places of the sequence and handed on after each rejection (the fallback procedure: Wiens &
Dmitrienko, J. Biopharm. Stat. 15, 2005). The chance that the true risk is above `risk` is then at most 1 - `certainty`,
for any number of photos, if new photos come as the bank's own do. Geifman & El-Yaniv (NeurIPS 2017, arXiv:1705.08500)
state the same promise for selective classification.

A bank with too few photos for that gives the answers of which as many further ones would keep `risk` with probability
`_LIKELY` (`_likely`): nothing is tested then, and nothing is promised. Half of such banks' thresholds would be too low
if they came from the same test at 50 %.

Scores are cross-fitted (cf. Vovk, cross-conformal predictors, arXiv:1208.0806), and near-duplicates are one query, so
that each is an independent trial.

Where classes have enough answers, those whose answers are clearly wrong more often than `risk` get a stricter threshold
of their own (`_stricter`): a part of the level is kept for the tests that say so, Bonferroni over classes, cuts and
common thresholds. What is taken away then has a higher risk than `risk`, so what is left keeps it.

The threshold is then used with the confidence that was fitted on all photos; that is
an approximation, measured by `scripts.lab.bench.risk`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import PROMISED
from shared.ranking.fitting.measure import Bools

#: How the manifest names this.
METHOD = "learn_then_test"
#: Probability with which the risk is kept: the promise.
CERTAINTY = PROMISED
#: How a threshold is marked that is likely to keep the risk, in a bank that has too few photos for the promise; the
#: reports then say that nothing is promised.
FALLBACK = 0.50
#: Probability with which as many further answers keep the risk where nothing is promised; how many answers the share
#: of wrong ones among all the bank's answers counts for beforehand; and the fewest answers that say anything. Tuned on
#: the legacy bank and leather27 (2 to 16 photos per class), where all risks are kept in nine of ten resamplings; of
#: made-up answers that they were not tuned on, 27 or 54 photos keep them in 83 to 95 of a hundred.
_LIKELY, _BEFOREHAND, _FEWEST = 0.87, 1.5, 5
#: Chance that is kept for the tests of single classes: that one of them is called worse than it is. Only where a class
#: is the best one of so many queries.
CLASS_LEVEL, LEAST_OF_CLASS = 0.02, 20
#: Shares of a class's answers, the least certain ones, that may be taken away.
_CUTS = (1.0, 0.75, 0.5, 0.25)
#: No confidence reaches this: nothing is answered.
NEVER = 1.01
#: Each threshold of the sequence gives this many times the answers of the one before.
_STEP = 1.15
#: Most photos that are worth naming as a number that would do.
_MAX_NEEDED = 100_000


@dataclass(frozen=True)
class Threshold:
    """A tested threshold."""

    #: Answers of at least this confidence are given.
    confidence: float
    #: Probability with which the risk is kept: `CERTAINTY`; `FALLBACK`: likely, not promised; 0: nothing is answered.
    certainty: float
    #: Share of the queries that are answered.
    coverage: float
    #: Queries that would do for `CERTAINTY` at the observed error; None: promised already, or no number would do.
    needed: int | None = None
    #: Class → the confidence from which its answers are given, where it has one of its own.
    classes: dict[int, float] = field(default_factory=dict)

    def limits(self, label: npt.NDArray[np.int64] | None, count: int) -> npt.NDArray[np.float64]:
        """[q] the confidence that each answer needs, by its class `label` [q] (None: no class has its own)."""
        found = np.full(count, self.confidence)
        for number, own in self.classes.items() if label is not None else ():
            found[label == number] = own
        return found


def binomial_p(wrong: int, answers: int, risk: float) -> float:
    """Probability of at most `wrong` wrong ones among `answers`, each wrong with probability `risk` (0…1, open)."""
    if wrong >= answers:
        return 1.0
    log = math.log
    total, whole = 0.0, math.lgamma(answers + 1)
    for count in range(wrong + 1):
        ways = whole - math.lgamma(count + 1) - math.lgamma(answers - count + 1)
        total += math.exp(ways + count * log(risk) + (answers - count) * log(1 - risk))
    return min(1.0, total)


def choose_threshold(
    confidence: npt.NDArray[Any], right: Bools, risk: float, label: npt.NDArray[np.int64] | None = None
) -> Threshold:
    """The lowest threshold that keeps `risk` (0…1, open) with probability `CERTAINTY`, or else is likely to keep it.

    confidence: [q] of independent queries, none of which fitted what its confidence comes from; -inf for one that is
    not answered in any case (`not_in_bank`).
    right: [q] whether the best class is correct.
    label: [q] the best class; None: no class gets a threshold of its own.
    """
    kept = 0.0
    if label is not None and _large_classes(label[np.isfinite(confidence)]):
        kept = CLASS_LEVEL
    order = np.argsort(-confidence, kind="stable")
    order = order[np.isfinite(confidence[order])]
    ranked, wrong = confidence[order], np.cumsum(~right[order])
    level = 1 - CERTAINTY - kept
    if answers := _loosest(ranked, wrong, risk, level):
        limit = float(ranked[answers - 1])
        if not kept or label is None:
            return Threshold(limit, CERTAINTY, answers / len(confidence))
        steps = len(_sequence(ranked, risk, level)[0])
        found = Threshold(limit, CERTAINTY, 0.0, classes=_stricter(confidence, right, label, limit, risk, steps))
        given = confidence >= found.limits(label, len(confidence))
        return replace(found, coverage=float(given.mean()))
    needed = photos_needed(wrong, len(confidence), risk)
    if answers := _likely(ranked, wrong, risk):
        return Threshold(float(ranked[answers - 1]), FALLBACK, answers / len(confidence), needed)
    return Threshold(NEVER, 0.0, 0.0, needed)


def _large_classes(label: npt.NDArray[np.int64]) -> list[int]:
    """Classes that are the best one of enough queries."""
    numbers, counts = np.unique(label, return_counts=True)
    return [int(number) for number in numbers[counts >= LEAST_OF_CLASS]]


def _stricter(
    confidence: npt.NDArray[Any], right: Bools, label: npt.NDArray[np.int64], limit: float, risk: float, steps: int
) -> dict[int, float]:
    """Thresholds of classes whose answers at `limit` are wrong too often. `steps`: how many limits were possible."""
    large = _large_classes(label[np.isfinite(confidence)])
    level = CLASS_LEVEL / (len(large) * len(_CUTS) * max(steps, 1))
    found: dict[int, float] = {}
    for number in large:
        own = np.flatnonzero((label == number) & (confidence >= limit))
        own = own[np.argsort(confidence[own], kind="stable")]
        ranked = confidence[own]
        for cut in _CUTS if len(own) else ():
            # The least certain ones go, with all that are as certain as the last of them.
            end = int(np.searchsorted(ranked, ranked[math.ceil(cut * len(own)) - 1], side="right"))
            wrong = int((~right[own[:end]]).sum())
            if wrong and 1 - binomial_p(wrong - 1, end, risk) <= level:
                found[number] = float(ranked[end]) if end < len(own) else NEVER
                break
    return found


def _loosest(ranked: npt.NDArray[Any], wrong: npt.NDArray[np.int64], risk: float, level: float) -> int:
    """The most answers whose hypothesis is rejected at `level`; 0: none."""
    counts, weights = _sequence(ranked, risk, level)
    found, carried = 0, 0.0
    for answers, weight in zip(counts, weights, strict=True):
        carried += weight * level
        if binomial_p(int(wrong[answers - 1]), answers, risk) <= carried:
            found = answers
        else:
            carried = 0.0
    return found


def _likely(ranked: npt.NDArray[Any], wrong: npt.NDArray[np.int64], risk: float) -> int:
    """The most answers of which as many further ones keep `risk` with probability `_LIKELY`; 0: none.

    The share of wrong ones among k answers is not known: it has the beta distribution that follows from those that were
    wrong, and beforehand from the share among all of the bank's answers.
    """
    usual = (float(wrong[-1]) + 0.5) / (len(wrong) + 1) if len(wrong) else 0.0
    found = 0
    for answers in _places(ranked, _FEWEST):
        bad = float(wrong[answers - 1])
        first, second = bad + _BEFOREHAND * usual, answers - bad + _BEFOREHAND * (1 - usual)
        if further_p(math.floor(risk * answers + 1e-9), answers, first, second) >= _LIKELY:
            found = answers
    return found


def further_p(wrong: int, answers: int, first: float, second: float) -> float:
    """Probability of at most `wrong` wrong ones among `answers` whose share of wrong ones has the beta distribution of
    `first` and `second` (the beta-binomial distribution)."""

    def beta(one: float, other: float) -> float:
        return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)

    total, start = 0.0, math.lgamma(answers + 1) - beta(first, second)
    for count in range(wrong + 1):
        ways = start - math.lgamma(count + 1) - math.lgamma(answers - count + 1)
        total += math.exp(ways + beta(first + count, second + answers - count))
    return min(1.0, total)


def _sequence(ranked: npt.NDArray[Any], risk: float, level: float) -> tuple[list[int], list[float]]:
    """Numbers of answers to test, ascending, and each one's part of the level. Looks at no answer's correctness."""
    parts = 2
    least = _least(risk, level / parts)
    if len(ranked) < least * _STEP:
        parts, least = 1, _least(risk, level)
    counts = _places(ranked, least)
    starts = {0, len(counts) // 2} if parts == 2 else {0}
    return counts, [1 / len(starts) if place in starts else 0.0 for place in range(len(counts))]


def _places(ranked: npt.NDArray[Any], least: int) -> list[int]:
    """Numbers of answers, ascending from `least` by `_STEP` and up to all of them."""
    # A threshold cannot split answers of equal confidence.
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True)) + 1 if len(ranked) else np.empty(0, np.int64)
    counts: list[int] = []
    wanted = float(least)
    for end in ends.tolist():
        if end >= wanted:
            counts.append(end)
            wanted = end * _STEP
    if counts and counts[-1] != len(ranked):
        counts.append(len(ranked))
    return counts


def _least(risk: float, level: float) -> int:
    """The fewest answers, none of them wrong, whose hypothesis is rejected at `level`."""
    return math.ceil(math.log(level) / math.log(1 - risk) - 1e-9)


def least_answers(risk: float) -> int:
    """The fewest answers, none of them wrong, with which `risk` is promised."""
    return _least(risk, (1 - CERTAINTY) / 2)


def photos_needed(wrong: npt.NDArray[np.int64], queries: int, risk: float) -> int | None:
    """Queries with which `risk` could be promised with `CERTAINTY`, if as many were wrong as among these.

    wrong: [m] wrong ones among the 1…m most confident answers of `queries` queries. The error of k answers is taken as
    (wrong + ½) / (k + 1), which does not take a few right answers for certainty. None where that is never below `risk`,
    or where more than 100,000 would be needed: more photos alone would not do.
    """
    best: int | None = None
    for answers in np.unique(np.geomspace(1, max(len(wrong), 1), 40).astype(int)).tolist() if len(wrong) else []:
        error = (float(wrong[answers - 1]) + 0.5) / (answers + 1)
        if error >= 0.9 * risk:
            continue
        enough = _answers_needed(error, risk)
        needed = math.ceil(enough * queries / answers)
        if needed <= _MAX_NEEDED and (best is None or needed < best):
            best = needed
    return None if best is None else max(best, queries + 1)


def _answers_needed(error: float, risk: float) -> int:
    """Answers, a share `error` < `risk` of them wrong, whose hypothesis is rejected at half of 1 - `CERTAINTY`."""
    level = (1 - CERTAINTY) / 2
    low, high = 1, _least(risk, level)
    while binomial_p(math.ceil(error * high), high, risk) > level:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if binomial_p(math.ceil(error * middle), middle, risk) <= level:
            high = middle
        else:
            low = middle + 1
    return high
