"""Leave-one-out against a whole bank that is too large to compare every query with every sample.

Of a query, only the classes matter that the coarse stage may keep: the `_CLASSES` nearest by centroid, and its own.
Their samples are all read, class by class for all queries together, so that a confidence is learnt on the bank that
ranks, not on a thinned one. Columns are these classes, others for each query; `evaluate_preset`, `choose_method` and
`cross_fit` take it like a `LeaveOneOut`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Method
from shared.ranking.class_samples import give_back
from shared.ranking.fitting.groups import threshold_of
from shared.ranking.fitting.leave_out import MAX_QUERIES
from shared.ranking.fitting.moments import LeftOutScores, Moments
from shared.ranking.methods import LINEAR, Floats, Ints, asks_density, fuse

Bools = npt.NDArray[np.bool_]

#: Classes of each query: four times as many as the widest preset keeps.
_CLASSES = 64
#: Best samples of a class that a method may take the mean of.
_BEST = 3
#: Queries whose nearest classes are looked for at a time.
_BLOCK = 128
#: Rows of which the usual distance to the nearest of the class is taken.
_USUAL = 512
#: Rows that are read before a mapped file's pages are given back: 32 MB at 512 columns.
_READ = 32_768


@dataclass(frozen=True)
class WholeBank:
    """Scores of left-out queries, [q, t] for `classes`; a query's own photo is its copies in its class."""

    #: [q, t] the classes of each query's columns, ascending.
    classes: Ints
    #: [q] column of the right class.
    truth: Ints
    #: [q] whether the query's class has another photo.
    answerable: Bools
    #: The cosine above which rows are one photo.
    threshold: float
    #: [q] rows of the queries.
    queries: Ints
    #: [q, t] samples of each class.
    sizes: Ints
    #: [q, t] cosines to centroids, the own one without the query's photo; -inf where nothing is left.
    centroid: Floats
    #: [q, t, 3] the best cosines to samples, best first; -inf where there are fewer.
    best: Floats
    #: beta → [q, t] log-densities, as of `methods.affinity`.
    density: dict[float, Floats]
    #: [q, t] cosines to class names.
    text: Floats | None
    #: [q] → [r, d] the query and its copies.
    copies: list[Floats] = field(repr=False)
    #: [q, d]
    asked: Floats = field(repr=False)
    moments: Moments | None = field(repr=False)
    #: [C] what the classes are called, for reports.
    labels: tuple[str, ...] = field(default=(), repr=False)
    _linear: dict[tuple[str, float], Floats] = field(default_factory=dict, repr=False)

    @cached_property
    def nearest(self) -> Floats:
        """[q, t] the best cosine to a sample."""
        return np.ascontiguousarray(self.best[:, :, 0])

    def linear(self, method: Method) -> Floats:
        """[q, t] scores of a linear method fitted without the query's own photo."""
        key = (method.name, method.shrink)
        if key not in self._linear:
            assert self.moments is not None
            fitted = LeftOutScores(method, self.moments)
            rows = zip(self.asked, self.classes, self.truth.tolist(), self.copies, strict=True)
            self._linear[key] = np.stack([fitted.scores(*row) for row in rows]).astype(np.float32)
        return self._linear[key]

    def scores(self, method: Method) -> Floats:
        """[q, t] fine scores without the query's own photo."""
        nearest = self._mean(method.k) if method.name == "samples" else None
        density = self.density[method.beta] if asks_density(method) else None
        linear = self.linear(method) if method.name in LINEAR else None
        return fuse(method, nearest, density, self.centroid, self.text, linear)

    def out_of_bank_scores(self, method: Method) -> Floats:
        """[q, t] the same without the query's whole class: -inf for it.

        Linear methods keep what they have of it: one class hardly changes what they know of the others.
        """
        scores = self.scores(method).copy()
        scores[np.arange(len(scores)), self.truth] = -np.inf
        return scores

    def _mean(self, k: int) -> Floats:
        """[q, t] the mean of the `k` best cosines, as of `methods.best_mean`."""
        if k == 1:
            return self.nearest
        best = self.best[:, :, :k]
        there = np.isfinite(best)
        count = there.sum(axis=2)
        total = np.where(there, best, 0).sum(axis=2)
        return np.where(count > 0, total / np.maximum(count, 1), -np.inf).astype(np.float32)


def whole_bank(
    vectors: npt.NDArray[Any],
    starts: Ints,
    sums: Floats,
    texts: Floats | None,
    moments: Moments | None,
    betas: Iterable[float],
    most: int = MAX_QUERIES,
    labels: tuple[str, ...] = (),
) -> WholeBank:
    """Asks an even sample of the rows, at most `most`; photos that are in several classes are left out.

    vectors, starts, sums: as of `moments.class_sums`; no class is empty. `betas`: of the densities that methods ask
    for.
    """
    threshold = usual_threshold(vectors, starts)
    rows = np.unique(np.linspace(0, len(vectors) - 1, min(len(vectors), most)).astype(np.int64))
    asked = np.asarray(vectors[rows], np.float32)
    owner = np.searchsorted(starts, rows, side="right") - 1
    classes, centroid = _nearest_classes(asked, owner, sums)
    truth = (classes == owner[:, None]).argmax(axis=1)
    made = _Samples(asked, classes, truth, rows, threshold)
    density = made.read(vectors, starts, betas)
    counts = np.diff(starts)
    copies = [made.copies[number] for number in range(len(rows))]
    left = counts[owner] - np.array([len(own) for own in copies])
    without = sums[owner] - np.stack([own.sum(axis=0) for own in copies])
    inner = np.einsum("qd,qd->q", asked, without) / np.maximum(np.linalg.norm(without, axis=1), 1e-9)
    centroid[np.arange(len(rows)), truth] = np.where(left > 0, inner, -np.inf)
    # A photo of several classes has no right answer.
    keep = ~made.elsewhere
    return WholeBank(
        classes=classes[keep],
        truth=truth[keep],
        answerable=(left > 0)[keep],
        threshold=threshold,
        queries=rows[keep],
        sizes=counts[classes[keep]],
        centroid=centroid[keep],
        best=made.best[keep],
        density={beta: values[keep] for beta, values in density.items()},
        text=None if texts is None else np.einsum("qd,qtd->qt", asked, texts[classes])[keep],
        copies=[own for own, kept in zip(copies, keep, strict=True) if kept],
        asked=asked[keep],
        moments=moments,
        labels=labels,
    )


def usual_threshold(vectors: npt.NDArray[Any], starts: Ints) -> float:
    """As `groups.duplicate_threshold`, of rows that are sorted by class."""
    rows = np.linspace(0, len(vectors) - 1, min(len(vectors), _USUAL)).astype(np.int64)
    labels = np.searchsorted(starts, rows, side="right") - 1
    similar = []
    for row, label in zip(rows.tolist(), labels.tolist(), strict=True):
        own = np.asarray(vectors[starts[label] : starts[label + 1]], np.float32)
        similar.append(own @ np.asarray(vectors[row], np.float32))
        give_back(vectors)
    return threshold_of(similar)


def _nearest_classes(asked: Floats, owner: Ints, sums: Floats) -> tuple[Ints, Floats]:
    """[q, t] the classes nearest by centroid, the own one among them, ascending; and their cosines."""
    width = min(_CLASSES, len(sums))
    centroids = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    classes, cosines = np.empty((len(asked), width), np.int64), np.empty((len(asked), width), np.float32)
    for start in range(0, len(asked), _BLOCK):
        at = slice(start, start + _BLOCK)
        similar = asked[at] @ centroids.T
        lines = np.arange(len(similar))
        # The own class is one of them, whatever its place.
        wanted = similar.copy()
        wanted[lines, owner[at]] = np.inf
        found = np.sort(np.argpartition(-wanted, width - 1, axis=1)[:, :width], axis=1)
        classes[at], cosines[at] = found, np.take_along_axis(similar, found, axis=1)
    return classes, cosines


class _Samples:
    """What the samples of all these classes say, each class read once for all queries."""

    def __init__(self, asked: Floats, classes: Ints, truth: Ints, rows: Ints, threshold: float) -> None:
        self._asked, self._classes, self._truth, self._rows = asked, classes, truth, rows
        self._threshold = threshold
        self.best = np.full((*classes.shape, _BEST), -np.inf, np.float32)
        #: Query → its own row and the copies of it in its class.
        self.copies: dict[int, Floats] = {}
        #: [q] whether another class has a copy of the query.
        self.elsewhere: Bools = np.zeros(len(asked), bool)

    def read(self, vectors: npt.NDArray[Any], starts: Ints, betas: Iterable[float]) -> dict[float, Floats]:
        """Fills what is above, and returns the densities by beta."""
        density = {beta: np.full(self._classes.shape, -np.inf, np.float32) for beta in betas}
        flat = self._classes.ravel()
        order = np.argsort(flat, kind="stable")
        edges = np.flatnonzero(np.diff(flat[order], prepend=-1, append=-1))
        read = 0
        for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            pairs = order[first:last]
            label = int(flat[pairs[0]])
            rows = np.asarray(vectors[starts[label] : starts[label + 1]], np.float32)
            numbers, columns = np.divmod(pairs, self._classes.shape[1])
            similar = np.minimum(self._asked[numbers] @ rows.T, 1)
            self._leave_out(similar, numbers, self._truth[numbers] == columns, rows, int(starts[label]))
            count = min(_BEST, len(rows))
            best = np.partition(similar, len(rows) - count, axis=1)[:, -count:]
            self.best[numbers, columns, :count] = -np.sort(-best, axis=1)
            there = np.maximum(np.isfinite(similar).sum(axis=1), 1)
            for beta, values in density.items():
                kernel = np.exp(np.float32(beta) * (similar - 1)).sum(axis=1)
                with np.errstate(divide="ignore"):
                    values[numbers, columns] = np.log(kernel / there) / np.float32(beta)
            read += len(rows)
            if read >= _READ:
                give_back(vectors)
                read = 0
        return density

    def _leave_out(self, similar: Floats, numbers: Ints, own: Bools, rows: Floats, start: int) -> None:
        """[a, m] cosines of queries to a class's `rows`, which begin at the bank's row `start`: where it is a query's
        `own` class, those of its copies become -inf."""
        same = similar > self._threshold
        same[own, self._rows[numbers[own]] - start] = True
        self.elsewhere[numbers[~own & same.any(axis=1)]] = True
        for at in np.flatnonzero(own).tolist():
            self.copies[int(numbers[at])] = rows[same[at]].copy()
            similar[at, same[at]] = -np.inf
