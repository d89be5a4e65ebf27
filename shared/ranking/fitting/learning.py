"""What more photos would bring: accuracy by samples per class, and the classes where more would help most.

The curve is leave-one-out in smaller banks drawn from this one: k + 1 photos of each class (all, where a class has
fewer), of which the one that is asked leaves k. The same classes are asked at every k, those with the most photos, so
that the points compare; the others stay in the bank. The method is the bank's own, chosen on all photos: the last point
is up to a point or two above the cross-fitted accuracy.

What five more photos would bring is extrapolated: error falls as a power of the samples (Hestness et al., 2017,
arXiv:1712.00409; Figueroa et al., BMC Med. Inform. Decis. Mak. 12, 2012), with one exponent for all classes, from the
curve, and each class's own error, drawn towards the mean of all as if two more photos of it had been asked. Intervals
come from resampling photos in both (`bootstrap`). They hold the chance of the photos, not that of the power law.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shared.bank.ranking_fit import Method
from shared.ranking.fitting.bootstrap import Interval, PhotoBootstrap, percentiles
from shared.ranking.fitting.calibrate import evaluate_preset
from shared.ranking.fitting.groups import Groups
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.fitting.measure import Bools, Doubles
from shared.ranking.methods import Ints
from shared.ranking.model import Preset

#: Photos more per class, and classes that are named at most.
MORE, NAMED = 5, 6
_DRAWS = 500
_SEED = 20_261
#: Photos of each class at the class's mean error that are added to its own.
_PRIOR = 2.0
#: The last point is at least this many times the samples of the one before.
_APART = 1.25


@dataclass(frozen=True)
class Curve:
    """Answers in smaller banks, [a] each; none where most classes have a single photo."""

    #: Samples that were left of the photo's class.
    samples: Ints
    right: Bools
    #: Group of the photo, as in `LeaveOneOut.groups`.
    photo: Ints
    #: Classes that were asked.
    classes: int

    @property
    def sizes(self) -> list[int]:
        """Ascending."""
        found: list[int] = np.unique(self.samples).tolist()
        return found


@dataclass(frozen=True)
class Need:
    """A class whose photos would help."""

    #: Its number.
    label: int
    #: Distinct photos of it that were asked, and those that were wrong.
    asked: int
    wrong: int
    #: Expected rise of its own top-1 with `MORE` photos.
    gain: float
    #: Share of resamplings in which it is among the `NAMED` first.
    sure: float


@dataclass(frozen=True)
class Needs:
    """The classes where more photos would help most, best first, and what all these photos bring together."""

    classes: list[Need]
    #: Expected rise of the mean of all classes' top-1, and its interval.
    gain: float
    interval: Interval


def learning_curve(loo: LeaveOneOut, method: Method, preset: Preset) -> Curve:
    """Answers at 2, 4, 8, 16 … samples per class (also at 1 in small banks), up to what half of the classes have."""
    rows = loo.groups.queries
    counts = np.bincount(loo.owner[rows], minlength=loo.classes)
    sizes = _sizes(int(np.median(counts[counts > 0])) - 1 if len(rows) else 0)
    none = np.empty(0, np.int64)
    if not sizes:
        return Curve(none, none.astype(bool), none, 0)
    asked = counts > sizes[-1]
    wide = replace(preset, min_samples=1)
    # Photos of a class in an order by chance; each smaller bank takes the next ones of it.
    rng = np.random.default_rng(_SEED)
    shuffled = rows[np.lexsort((rng.random(len(rows)), loo.owner[rows]))]
    within = np.arange(len(rows)) - np.searchsorted(loo.owner[shuffled], loo.owner[shuffled])
    whole = counts[loo.owner[shuffled]]
    parts: list[tuple[Ints, Bools, Ints]] = []
    for size in sizes:
        rounds = -(-int(np.median(counts[asked])) // (size + 1))
        for turn in range(rounds):
            taken = np.sort(shuffled[(within - turn * (size + 1)) % whole < size + 1])
            present, owner = np.unique(loo.owner[taken], return_inverse=True)
            owner = owner.astype(np.int64)
            single = Groups.numbered(np.arange(len(taken)), owner, loo.groups.threshold)
            texts = None if loo.texts is None else loo.texts[present]
            smaller = LeaveOneOut.of(loo.vectors[taken], owner, texts, single)
            queries = np.flatnonzero(asked[present][smaller.truth])
            right = evaluate_preset(smaller, method, wide, queries).right
            parts.append((np.full(len(queries), size), right, loo.groups.of[taken[smaller.queries[queries]]]))
    samples, right, photo = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Curve(samples, right, photo, int(asked.sum()))


def _sizes(most: int) -> list[int]:
    if most < 1:
        return []
    sizes = [1] if most < 4 else [2]
    while 2 * sizes[-1] <= most:
        sizes.append(2 * sizes[-1])
    return [*sizes, most] if most >= _APART * sizes[-1] else sizes


def needs(curve: Curve, truth: Ints, right: Bools, photo: Ints, classes: int) -> Needs | None:
    """The classes where more photos would help most.

    truth, right, photo: [q] class, outcome and group of the cross-fitted answers whose class can be recognised.
    None where the curve has fewer than two points, or no answer was wrong.
    """
    if len(curve.sizes) < 2 or right.all():
        return None
    at = [curve.samples == size for size in curve.sizes]
    # One resampling of photos serves the curve and the classes.
    photos = PhotoBootstrap(np.concatenate([curve.photo, photo]), _DRAWS)
    count, of = photos.numbered
    on_curve, own = of[: len(curve.photo)], of[len(curve.photo) :]

    def by_size(hits: Bools) -> Doubles:
        return np.stack([np.bincount(on_curve[one], weights=hits[one], minlength=count) for one in at], axis=1)

    curve_wrong, curve_asked = by_size(~curve.right), by_size(np.ones(len(curve.right), bool))
    order = np.argsort(truth, kind="stable")
    labels, starts = np.unique(truth[order], return_index=True)
    parts = []
    # The first row is no resampling: every photo once.
    for times in (np.ones((1, count), np.int64), *photos.times()):
        drawn = times[:, own[order]]
        asked, wrong = np.zeros((2, len(times), classes))
        asked[:, labels] = np.add.reduceat(drawn, starts, axis=1)
        wrong[:, labels] = np.add.reduceat(drawn * ~right[order], starts, axis=1)
        parts.append((times @ curve_wrong, times @ curve_asked, wrong, asked))
    missed, given, wrong, asked = (np.concatenate(column) for column in zip(*parts, strict=True))
    power = _power(missed, given, np.array(curve.sizes, np.float64))
    # How many photos a class has does not depend on the draw.
    gains = _gains(wrong, asked, asked[0], power)
    first = np.argsort(-gains[0], kind="stable")[:NAMED]
    first = first[wrong[0, first] > 0]
    best = np.argsort(-gains[1:], axis=1, kind="stable")[:, :NAMED]
    judged = max(1, int((asked[0] > 0).sum()))
    total = gains[:, first].sum(axis=1) / judged
    named = [
        Need(
            label,
            int(asked[0, label]),
            int(wrong[0, label]),
            float(gains[0, label]),
            float((best == label).any(1).mean()),
        )
        for label in first.tolist()
    ]
    return Needs(named, float(total[0]), percentiles(total[1:]))


def _power(wrong: Doubles, asked: Doubles, sizes: Doubles) -> Doubles:
    """[b] the exponent with which error falls as samples grow, at least 0: weighted least squares of logarithms."""
    error = (wrong + 0.5) / (asked + 1)
    # A logarithm of a share varies by (1 - share) / (number × share).
    weight = (asked + 1) * error / np.maximum(1 - error, 1e-6)
    x, y = np.log(sizes)[None], np.log(error)
    total = weight.sum(axis=1, keepdims=True)
    x_off, y_off = (
        x - (weight * x).sum(axis=1, keepdims=True) / total,
        y - (weight * y).sum(axis=1, keepdims=True) / total,
    )
    slope: Doubles = (weight * x_off * y_off).sum(axis=1) / (weight * x_off * x_off).sum(axis=1)
    return np.maximum(-slope, 0.0)


def _gains(wrong: Doubles, asked: Doubles, photos: Doubles, power: Doubles) -> Doubles:
    """[b, C] expected rise of each class's top-1 with `MORE` photos; 0 for classes that were not asked."""
    mean = wrong.sum(axis=1, keepdims=True) / np.maximum(asked.sum(axis=1, keepdims=True), 1)
    error = (wrong + _PRIOR * mean) / (asked + _PRIOR)
    # A photo that is asked is not among the samples.
    samples = np.maximum(photos - 1, 1)
    left = (samples / (samples + MORE))[None] ** power[:, None]
    gains: Doubles = np.where(photos > 0, error * (1 - left), 0.0)
    return gains
