"""What linear methods need of a bank, gathered in one pass over its rows: class means, and two sums of squares.

Rows are read a block at a time and given back to the system, so that any bank takes the memory of a small one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Method
from shared.ranking.class_samples import give_back
from shared.ranking.methods import Floats, Ints

Doubles = npt.NDArray[np.float64]

#: Rows that are read at a time: 32 MB of float32 at 512 columns.
_BLOCK = 16_384


def blocks(vectors: npt.NDArray[Any], size: int = _BLOCK) -> Iterator[tuple[int, Floats]]:
    """The first row of each block, and its rows as float32; a mapped file's pages are given back behind it."""
    for start in range(0, len(vectors), size):
        yield start, np.asarray(vectors[start : start + size], np.float32)
        give_back(vectors)


def class_sums(vectors: npt.NDArray[Any], starts: Ints) -> Floats:
    """[C, d] sums of the rows of each class; class c has the rows starts[c]:starts[c + 1]."""
    sums = np.empty((len(starts) - 1, vectors.shape[1]), np.float32)
    read = 0
    for label, (first, last) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        # Summed in halves that are widened one by one: the same numbers as ever, to the last digit.
        sums[label] = np.sum(vectors[first:last], axis=0, dtype=np.float32)
        read += last - first
        if read >= _BLOCK:
            give_back(vectors)
            read = 0
    return sums


@dataclass(frozen=True)
class Moments:
    """Of [n, d] rows in C classes."""

    #: [C]
    counts: Ints
    #: [C, d]
    means: Doubles
    #: [d, d] Σ (x − mean of its class)(…)ᵀ.
    within: Doubles
    #: [d, d] Σ x xᵀ / samples of its class: every class weighs the same.
    balanced: Doubles

    @classmethod
    def of(cls, vectors: npt.NDArray[Any], starts: Ints, sums: Floats) -> Moments:
        """`starts` and `sums` as of `class_sums`; no class is empty."""
        counts = np.diff(starts)
        means = sums.astype(np.float64) / counts[:, None]
        dim = vectors.shape[1]
        within, balanced = np.zeros((dim, dim)), np.zeros((dim, dim))
        for start, rows in blocks(vectors):
            owner = np.searchsorted(starts, np.arange(start, start + len(rows)), side="right") - 1
            scaled = rows / np.sqrt(counts[owner], dtype=np.float32)[:, None]
            balanced += scaled.T @ scaled
            centred = rows - means[owner].astype(np.float32)
            within += centred.T @ centred
        return cls(counts, means, within, balanced)

    def system(self, method: Method) -> tuple[Doubles, float]:
        """[d, d] the matrix that the method inverts, and what is on its diagonal besides."""
        if method.name == "ridge":
            matrix, diagonal = self.balanced, method.shrink
        else:
            matrix, diagonal = self.within, max(method.shrink * float(np.trace(self.within)), 1e-9)
        return matrix + diagonal * np.eye(len(matrix)), diagonal

    def fit(self, method: Method) -> Floats:
        """[C, d + 1] weights and bias, as of `linear.fit_linear`."""
        system, diagonal = self.system(method)
        fitted = np.empty((len(self.means), len(system) + 1), np.float32)
        weights = np.linalg.solve(system, self.means.T).T
        if method.name == "ridge":
            fitted[:, -1] = 0
        else:
            weights *= np.sqrt(diagonal)
            fitted[:, -1] = -0.5 * np.einsum("cd,cd->c", weights, self.means)
        fitted[:, :-1] = weights
        return fitted


class LeftOutScores:
    """Linear scores of left-out queries against the few classes that matter to each.

    What leaves the bank is the query's own photo: a change of as many ranks as it has copies, of the mean of its class
    and of the system (Woodbury). Its class keeps its weight in a ridge, and the diagonal stays as the whole bank sets
    it.
    """

    def __init__(self, method: Method, moments: Moments) -> None:
        system, diagonal = moments.system(method)
        self._ridge = method.name == "ridge"
        # Inverted once: thousands of small vectors are whitened with it.
        self._whiten = np.linalg.inv(np.linalg.cholesky(system)).T
        self._counts, self._plain = moments.counts, moments.means
        self._means = moments.means @ self._whiten
        self._own = np.einsum("cm,cm->c", self._means, self._means)
        self._scale = 1.0 if self._ridge else float(np.sqrt(diagonal))

    def scores(self, query: Floats, classes: Ints, column: int, copies: Floats) -> Doubles:
        """[t] scores of a query [d] for `classes` [t], of which its own is at `column`, without its `copies` [r, d];
        -inf where its class has no other row."""
        label = int(classes[column])
        count, removed = int(self._counts[label]), len(copies)
        rows = copies.astype(np.float64)
        left = count - removed
        means, own = self._means[classes], self._own[classes]
        asked = query.astype(np.float64) @ self._whiten
        if left:
            mean = (count * self._plain[label] - rows.sum(axis=0)) / left @ self._whiten
            means[column], own[column] = mean, mean @ mean
        away = rows / np.sqrt(count) if self._ridge else rows - self._plain[label]
        away = away @ self._whiten
        middle: Doubles = np.eye(removed)
        if not self._ridge and left:
            # Without these rows the mean of the class is another, too.
            middle = np.asarray(np.linalg.inv(middle + 1 / left))
        gain = np.linalg.inv(middle - away @ away.T)
        towards = away @ means.T
        found: Doubles = means @ asked + (away @ asked) @ gain @ towards
        if not self._ridge:
            found -= 0.5 * (own + np.einsum("rt,rs,st->t", towards, gain, towards))
        found *= self._scale
        if not left:
            found[column] = -np.inf
        return found
