"""Fine scores of a block of queries against one bank: all samples in small banks, the near ones in large banks."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np

from shared.bank.bank import Bank
from shared.ranking.index import Index, open_index
from shared.ranking.methods import Floats, Ints, Method, combine, padded_rows

#: Queries are multiplied in blocks of this many: BLAS picks kernels by shape, and each sums in its own order, so that
#: only one shape keeps a photo's answer from depending on how many others share its micro-batch.
BLOCK = 16
#: Samples up to which every query is compared with all of them: 20,000 × 1,536 float32 take 123 MB.
DENSE_ROWS = 20_000
#: Samples of a class that are compared one by one in a large bank; of a larger class, those that the index finds near.
_MAX_PER_CLASS = 64
#: Number of neighbours to search in the index.
_NEIGHBOURS = 256
#: Classes of more samples find their evidence one at a time instead of as one table.
_WIDEST_TABLE = 64


def products(queries: Floats, columns: Floats) -> Floats:
    """[q, k] of [q, d] and [d, k], block by block; q is a multiple of `BLOCK`."""
    found = np.empty((len(queries), columns.shape[1]), np.float32)
    for start in range(0, len(queries), BLOCK):
        np.matmul(queries[start : start + BLOCK], columns, out=found[start : start + BLOCK])
    return found


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
        # Columns: with few queries on the left, BLAS is twice as fast as with a transposed matrix on the right.
        self._columns = np.ascontiguousarray(np.concatenate(parts).T)
        self._edges = np.cumsum([len(part) for part in parts])[:-1]
        self.table = padded_rows(bank.starts) if bank.counts.max() <= _WIDEST_TABLE else None

    def query(self, queries: Floats) -> DenseBlock:
        return DenseBlock(self, np.split(products(queries, self._columns), self._edges, axis=1))


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
    """Reads only samples of the classes that the coarse stage kept, from the mapped file."""

    def __init__(self, bank: Bank, method: Method, ranked: Ints) -> None:
        self.bank, self.method = bank, method
        self.centroids = np.ascontiguousarray(bank.centroids[ranked].T)
        large = int(bank.counts.max()) > _MAX_PER_CLASS
        self.index: Index | None = open_index(bank.vectors, bank.index_path) if large else None

    def query(self, queries: Floats) -> SparseBlock:
        return SparseBlock(self, queries)


class SparseBlock:
    def __init__(self, fine: Sparse, queries: Floats) -> None:
        self._fine, self._queries = fine, queries
        self.coarse: Floats = products(queries, fine.centroids)
        #: Per query: the rows compared, their cosines, and the slice of each class.
        self._compared: list[tuple[Ints, Floats, dict[int, slice]]] = []

    @cached_property
    def _near(self) -> Ints | None:
        index = self._fine.index
        return None if index is None else index.search(self._queries, _NEIGHBOURS)[1]

    def scores(self, kept: Ints) -> Floats:
        bank, method = self._fine.bank, self._fine.method
        scores = np.empty(kept.shape, np.float32)
        for number, (query, classes) in enumerate(zip(self._queries, kept, strict=True)):
            rows, starts = self._rows(number, classes)
            cosines = np.minimum(np.asarray(bank.vectors[rows], np.float32) @ query, 1)
            centroid = (bank.centroids[classes] @ query)[None]
            text = (bank.texts[classes] @ query)[None] if bank.texts is not None and method.text else None
            linear = None
            if bank.linear is not None:
                linear = (bank.linear[classes, :-1] @ query + bank.linear[classes, -1])[None]
            scores[number] = combine(method, starts, cosines[None], centroid, text, linear)[0]
            spans = map(slice, starts[:-1].tolist(), starts[1:].tolist())
            self._compared.append((rows, cosines, dict(zip(classes.tolist(), spans, strict=True))))
        return scores

    def evidence(self, shown: Ints) -> tuple[Ints, Floats]:
        samples = np.empty(shown.shape, np.int64)
        nearest = np.empty(shown.shape, np.float32)
        for number, (rows, cosines, spans) in enumerate(self._compared):
            for column, label in enumerate(shown[number].tolist()):
                span = spans[label]
                best = span.start + int(cosines[span].argmax())
                samples[number, column], nearest[number, column] = rows[best], cosines[best]
        return samples, nearest

    def _rows(self, number: int, classes: Ints) -> tuple[Ints, Ints]:
        """Rows to compare with query `number`, class by class, and where each class starts among them."""
        starts = self._fine.bank.starts
        parts = []
        for label in classes.tolist():
            first, last = int(starts[label]), int(starts[label + 1])
            rows = np.arange(first, last)
            if len(rows) > _MAX_PER_CLASS:
                # An even sample of the class, so that every method has some, plus all near ones.
                rows = rows[np.linspace(0, len(rows) - 1, _MAX_PER_CLASS).astype(np.int64)]
                if self._near is not None:
                    near = self._near[number]
                    rows = np.union1d(rows, near[(near >= first) & (near < last)])
            parts.append(rows)
        edges = np.cumsum([0, *(len(part) for part in parts)]).astype(np.int64)
        return np.concatenate(parts).astype(np.int64), edges


class Centroids:
    """Saves memory: reads no samples, so that none can be shown as evidence."""

    def __init__(self, bank: Bank, ranked: Ints) -> None:
        self._columns = np.ascontiguousarray(bank.centroids[ranked].T)
        #: Column of each class.
        self._column = np.full(len(bank.labels), -1, np.int64)
        self._column[ranked] = np.arange(len(ranked))

    def query(self, queries: Floats) -> CentroidBlock:
        return CentroidBlock(products(queries, self._columns), self._column)


class CentroidBlock:
    def __init__(self, coarse: Floats, column: Ints) -> None:
        self.coarse = coarse
        self._column = column

    def scores(self, kept: Ints) -> Floats:
        return np.take_along_axis(self.coarse, self._column[kept], axis=1)

    def evidence(self, shown: Ints) -> tuple[Ints, Floats]:
        return np.full(shown.shape, -1, np.int64), np.full(shown.shape, -1, np.float32)
