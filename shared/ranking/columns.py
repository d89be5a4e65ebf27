"""Products of queries with a bank's vectors: a photo's numbers never depend on what shares its micro-batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shared.ranking.methods import Floats

#: Queries are multiplied in blocks of this many: BLAS picks kernels by shape, and each sums in its own order, so that
#: only one shape keeps a photo's answer from depending on how many others share its micro-batch.
BLOCK = 16
#: Vectors that are multiplied at a time where they are the left side: BLAS takes longer to arrange more of them.
_PANEL = 256


class Columns:
    """Vectors that queries are multiplied with."""

    def __init__(self, vectors: Floats) -> None:
        """`vectors`: [k, d]."""
        self._count = len(vectors)
        # With few queries on the left, BLAS is faster by a third or more than the other way round. But OpenBLAS's
        # kernel for AVX2 then sums otherwise for the first six of sixteen queries than for the rest; as the right side
        # it takes sixteen whole.
        columns = np.ascontiguousarray(vectors.T)
        queries_left = _alike(lambda block: block @ columns, vectors.shape[1])
        self._columns = columns if queries_left else None
        self._rows = None if queries_left else np.ascontiguousarray(vectors)

    def products(self, queries: Floats) -> Floats:
        """[q, k] of [q, d] queries with all k vectors."""
        found = np.empty((len(queries), self._count), np.float32)
        for start in range(0, len(queries), BLOCK):
            block = queries[start : start + BLOCK]
            if len(block) < BLOCK:
                block = np.concatenate([block, np.zeros((BLOCK - len(block), queries.shape[1]), np.float32)])
            found[start : start + BLOCK] = self._block(block)[: len(queries) - start]
        return found

    def _block(self, block: Floats) -> Floats:
        if self._columns is not None:
            across: Floats = block @ self._columns
            return across
        assert self._rows is not None
        found = np.empty((BLOCK, self._count), np.float32)
        for first in range(0, self._count, _PANEL):
            found[:, first : first + _PANEL] = (self._rows[first : first + _PANEL] @ block.T).T
        return found


def _alike(multiply: Callable[[Floats], Floats], dim: int) -> bool:
    """Whether a query has the same products at every place of a block."""
    queries = np.random.default_rng(0).standard_normal((4, dim), dtype=np.float32)
    blocks = (multiply(np.tile(query, (BLOCK, 1))) for query in queries)
    return all(bool((block == block[0]).all()) for block in blocks)
