"""What is wrong with a bank's samples, told from their vectors and picture measures: the parts of `weft bank check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.samples import Sample
from shared.curation.reports import ConfusablePair, DuplicateGroup
from shared.ranking.confidence import softmax
from shared.ranking.fitting.groups import Groups
from shared.ranking.fitting.leave_out import LeaveOneOut
from shared.ranking.methods import Floats, Ints

#: A photo is blurred below this variance of the Laplacian (grey, 256 pixels), or below this share of its class's
#: median: satin is smooth without being blurred.
_BLURRED, _BLURRED_IN_CLASS = 6.0, 0.08
#: Mean grey below which a photo is dark.
_DARK = 35.0
#: Share of grey values from 250 on above which a photo is overexposed.
_OVEREXPOSED = 0.5
#: Share of the encoder's input side below which a photo is tiny.
_TINY = 0.5
#: Robust standard deviations below the class's usual likeness to its centroid.
_OUTLIER = 3.5
#: Two classes are confusable from this share of their samples, and this many.
_CONFUSED_SHARE, _CONFUSED_LEAST = 0.2, 2


def duplicates(
    groups: Groups, vectors: npt.NDArray[Any], labels: tuple[str, ...], owner: Ints, rows: Sequence[Sample]
) -> list[DuplicateGroup]:
    """Photos that are there more than once. `rows` are those of `vectors`."""
    found = []
    order = np.argsort(groups.of, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(groups.of[order])) + 1):
        if len(members) < 2:
            continue
        distinct = {np.ascontiguousarray(vectors[i]).tobytes() for i in members}
        hashes = {rows[i].sha256 or i for i in members}
        found.append(
            DuplicateGroup(
                samples=[rows[i].id for i in members],
                classes=sorted({labels[owner[i]] for i in members}),
                exact=len(distinct) == 1 or len(hashes) == 1,
            )
        )
    return found


def poor_photos(rows: Sequence[Sample], input_size: int) -> dict[str, list[str]]:
    """Ids of photos by what is wrong with them; rows without measures (imported vectors) are passed over."""
    medians: dict[str, float] = {}
    by_class: dict[str, list[float]] = {}
    for row in rows:
        if row.measures:
            by_class.setdefault(row.label, []).append(row.measures.sharpness)
    for label, values in by_class.items():
        medians[label] = float(np.median(values))
    found: dict[str, list[str]] = {"blurred": [], "dark": [], "overexposed": [], "tiny": []}
    for row in rows:
        measures = row.measures
        if measures is None:
            continue
        if measures.sharpness < max(_BLURRED, _BLURRED_IN_CLASS * medians[row.label]):
            found["blurred"].append(row.id)
        if measures.brightness < _DARK:
            found["dark"].append(row.id)
        if measures.clipped > _OVEREXPOSED:
            found["overexposed"].append(row.id)
        if measures.side < _TINY * input_size:
            found["tiny"].append(row.id)
    return found


def suspects(scores: Floats, truth: Ints, temperature: float) -> list[tuple[int, int, float]]:
    """Samples that look filed wrongly, worst first: (query, the class it looks like, how much likelier it is).

    Confident learning (Northcutt et al., JAIR 2021, arXiv:1911.00068): a sample is suspect where another class is as
    likely as that class usually is for its own samples. `scores` [q, C] are leave-one-out scores.
    """
    finite = np.asarray(np.isfinite(scores).any(axis=1))
    shares = softmax(np.where(finite[:, None], scores, 0).astype(np.float32), temperature)
    own = shares[np.arange(len(truth)), truth]
    usual = np.full(scores.shape[1], np.inf)
    for label in np.unique(truth):
        usual[label] = own[truth == label].mean()
    best = shares.argmax(axis=1)
    likely = shares[np.arange(len(truth)), best]
    chosen = np.flatnonzero(finite & (best != truth) & (likely >= usual[best]) & (likely > own))
    chosen = chosen[np.argsort(-(likely - own)[chosen], kind="stable")]
    return [(int(i), int(best[i]), round(float(likely[i] - own[i]), 4)) for i in chosen]


def outliers(loo: LeaveOneOut) -> Ints:
    """[…] queries that lie unusually far from the centroid of the rest of their class."""
    rows = np.flatnonzero(loo.answerable)
    likeness = loo.centroid[rows, loo.truth[rows]]
    deviation = np.zeros(len(rows))
    for label in np.unique(loo.truth[rows]):
        own = loo.truth[rows] == label
        deviation[own] = likeness[own] - np.median(likeness[own])
    scale = 1.4826 * float(np.median(np.abs(deviation))) if len(rows) else 0.0
    far: Ints = rows[deviation < -_OUTLIER * max(scale, 1e-6)]
    return far


def confusable(scores: Floats, truth: Ints, labels: tuple[str, ...]) -> list[ConfusablePair]:
    """Pairs of classes that are taken for each other, worst first."""
    answer = scores.argmax(axis=1)
    usable = np.isfinite(scores).any(axis=1)
    count = np.bincount(truth, minlength=len(labels))
    wrong = Counter(
        tuple(sorted((int(t), int(a)))) for t, a in zip(truth[usable], answer[usable], strict=True) if t != a
    )
    found = []
    for (first, second), times in wrong.items():
        of = int(count[first] + count[second])
        if times >= _CONFUSED_LEAST and times >= _CONFUSED_SHARE * of:
            found.append(ConfusablePair(classes=[labels[first], labels[second]], confused=times, of=of))
    return sorted(found, key=lambda pair: (-pair.confused / pair.of, pair.classes))
