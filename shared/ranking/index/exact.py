"""Every vector compared, in NumPy, in blocks that never copy more than a little of a mapped array."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from shared.ranking.index.protocol import Floats, Ints

#: Bytes of float32 that a block of vectors may take.
_BLOCK_BYTES = 32 * 1024**2


class ExactIndex:
    """Implements `Index` over any array of vectors, float16 mapped from disk included."""

    kind = "exact"
    bytes = 0

    def __init__(self, vectors: npt.NDArray[Any]) -> None:
        self._vectors = vectors
        self._rows = max(1, _BLOCK_BYTES // (4 * vectors.shape[1]))

    def search(self, queries: npt.NDArray[Any], k: int) -> tuple[Floats, Ints]:
        """See `Index.search`."""
        asked = np.asarray(queries, np.float32)
        cosines = np.full((len(asked), k), -np.inf, np.float32)
        rows = np.full((len(asked), k), -1, np.int64)
        for start in range(0, len(self._vectors), self._rows):
            block = np.asarray(self._vectors[start : start + self._rows], np.float32)
            found = (block @ asked.T).T
            here = np.broadcast_to(np.arange(start, start + len(block)), found.shape)
            cosines, rows = best(np.concatenate([cosines, found], axis=1), np.concatenate([rows, here], axis=1), k)
        return cosines, rows


def best(cosines: Floats, rows: Ints, k: int) -> tuple[Floats, Ints]:
    """The `k` best of each line, best first, ties by row; absent ones (row -1) last."""
    if cosines.shape[1] > k:
        # Ties at the cut are settled among a few more than are kept.
        cut = np.argpartition(-cosines, min(4 * k, cosines.shape[1] - 1), axis=1)[:, : 4 * k]
        cosines, rows = np.take_along_axis(cosines, cut, axis=1), np.take_along_axis(rows, cut, axis=1)
    order = np.lexsort((rows, -cosines), axis=1)[:, :k]
    return np.take_along_axis(cosines, order, axis=1), np.take_along_axis(rows, order, axis=1)
