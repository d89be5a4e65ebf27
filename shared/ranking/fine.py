"""Fine scores of a block of queries: from all samples of a small bank, of the kept classes alone of a large one."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from shared.bank.bank import Bank
from shared.bank.ranking_fit import Method
from shared.ranking.class_samples import Best, ClassSamples, Samples
from shared.ranking.columns import Columns
from shared.ranking.methods import Floats, Ints, asks_density, combine, fuse, padded_rows
from shared.ranking.server_samples import ServerSamples

#: Classes of more samples find their evidence one at a time instead of as one table.
_WIDEST_TABLE = 64


class Block(Protocol):
    """Scores of one bank for [q, d] queries."""

    #: [q, R] cosines to the centroids of the ranked classes.
    coarse: Floats

    def scores(self, kept: Ints) -> Floats:
        """[q, t] fine scores of the classes `kept` [q, t]."""
        ...

    def evidence(self, shown: Ints) -> tuple[Ints, Floats]:
        """[q, s] row and cosine of the nearest sample of each of the classes `shown` [q, s], which are among `kept`."""
        ...


class FineStage(Protocol):
    """Created once per bank; thread-safe."""

    def query(self, queries: Floats) -> Block: ...


class Dense:
    """One matrix product with samples, centroids, linear weights and class names beside each other."""

    def __init__(self, bank: Bank, method: Method, ranked: Ints) -> None:
        self.bank, self.method, self.ranked = bank, method, ranked
        parts = [np.asarray(bank.vectors, np.float32), bank.centroids]
        if bank.linear is not None:
            parts.append(bank.linear[:, :-1])
        if bank.texts is not None and method.text:
            parts.append(bank.texts)
        self._columns = Columns(np.concatenate(parts))
        self._edges = np.cumsum([len(part) for part in parts])[:-1]
        self.table = padded_rows(bank.starts) if bank.counts.max() <= _WIDEST_TABLE else None

    def query(self, queries: Floats) -> DenseBlock:
        return DenseBlock(self, np.split(self._columns.products(queries), self._edges, axis=1))


class DenseBlock:
    def __init__(self, fine: Dense, products: list[Floats]) -> None:
        bank = fine.bank
        self._fine = fine
        self._cosines = np.minimum(products[0], 1)
        self._centroid = products[1]
        rest = iter(products[2:])
        self._linear = None if bank.linear is None else next(rest) + bank.linear[:, -1]
        self._text = next(rest, None)
        self.coarse: Floats = self._centroid[:, fine.ranked]

    def scores(self, kept: Ints) -> Floats:
        fine = self._fine
        found = combine(fine.method, fine.bank.starts, self._cosines, self._centroid, self._text, self._linear)
        return np.take_along_axis(found, kept, axis=1)

    def evidence(self, shown: Ints) -> tuple[Ints, Floats]:
        cosines, starts, table = self._cosines, self._fine.bank.starts, self._fine.table
        if table is not None:
            rows = table[shown]
            flat = np.minimum(rows, cosines.shape[1] - 1).reshape(len(shown), -1)
            values = np.take_along_axis(cosines, flat, axis=1).reshape(rows.shape)
            values[rows == cosines.shape[1]] = -np.inf
            best = values.argmax(axis=2)[:, :, None]
            return np.take_along_axis(rows, best, axis=2)[:, :, 0], np.take_along_axis(values, best, axis=2)[:, :, 0]
        samples = np.empty(shown.shape, np.int64)
        nearest = np.empty(shown.shape, np.float32)
        for place in np.ndindex(shown.shape):
            first, last = starts[shown[place]], starts[shown[place] + 1]
            samples[place] = first + cosines[place[0], first:last].argmax()
            nearest[place] = cosines[place[0], samples[place]]
        return samples, nearest


class Sparse:
    """Reads only samples of the classes that the coarse stage kept, all of them: from the mapped file, or through the
    bank server."""

    def __init__(self, bank: Bank, method: Method, ranked: Ints) -> None:
        self.bank, self.method = bank, method
        self.centroids = Columns(bank.centroids[ranked])
        self.samples: Samples = (
            ServerSamples(bank, bank.server) if bank.server else ClassSamples(bank.vectors, bank.starts)
        )

    def query(self, queries: Floats) -> SparseBlock:
        return SparseBlock(self, queries)


class SparseBlock:
    def __init__(self, fine: Sparse, queries: Floats) -> None:
        self._fine, self._queries = fine, queries
        self.coarse: Floats = fine.centroids.products(queries)
        self._kept: Ints | None = None
        self._best: Best | None = None

    def scores(self, kept: Ints) -> Floats:
        bank, method = self._fine.bank, self._fine.method
        k = method.k if method.name == "samples" else 1
        best = self._fine.samples.best(self._queries, kept, k, method.beta if asks_density(method) else None)
        self._kept, self._best = kept, best
        there = np.isfinite(best.cosines)
        nearest = np.where(there, best.cosines, 0).sum(axis=2) / there.sum(axis=2)
        text = self._rows(bank.texts, kept) if bank.texts is not None and method.text else None
        linear = None
        if bank.linear is not None:
            linear = self._rows(bank.linear[:, :-1], kept) + bank.linear[kept, -1]
        return fuse(method, nearest, best.density, self._rows(bank.centroids, kept), text, linear)

    def _rows(self, table: Floats, kept: Ints) -> Floats:
        """[q, t] products of each query with its classes' rows of [C, d]."""
        pairs = zip(kept, self._queries, strict=True)
        return np.stack([table[classes] @ query for classes, query in pairs])

    def evidence(self, shown: Ints) -> tuple[Ints, Floats]:
        assert self._kept is not None
        assert self._best is not None
        column = (self._kept[:, None, :] == shown[:, :, None]).argmax(axis=2)
        return (
            np.take_along_axis(self._best.rows[:, :, 0], column, axis=1),
            np.take_along_axis(self._best.cosines[:, :, 0], column, axis=1),
        )


class Centroids:
    """Saves memory: reads no samples, so that none can be shown as evidence."""

    def __init__(self, bank: Bank, ranked: Ints) -> None:
        self._columns = Columns(bank.centroids[ranked])
        #: Column of each class.
        self._column = np.full(len(bank.labels), -1, np.int64)
        self._column[ranked] = np.arange(len(ranked))

    def query(self, queries: Floats) -> CentroidBlock:
        return CentroidBlock(self._columns.products(queries), self._column)


class CentroidBlock:
    def __init__(self, coarse: Floats, column: Ints) -> None:
        self.coarse = coarse
        self._column = column

    def scores(self, kept: Ints) -> Floats:
        return np.take_along_axis(self.coarse, self._column[kept], axis=1)

    def evidence(self, shown: Ints) -> tuple[Ints, Floats]:
        return np.full(shown.shape, -1, np.int64), np.full(shown.shape, -1, np.float32)
