"""faiss behind the `Index` protocol: flat, IVF, and IVF-PQ whose best are compared again with the exact vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from shared.index.exact import best
from shared.index.protocol import Floats, Ints

#: Vectors that k-means looks at per cell; faiss warns below 39.
_TRAIN_PER_CELL = 40
#: Numbers that one byte of a product-quantised code stands for.
_NUMBERS_PER_BYTE = 8
#: Candidates compared exactly, per neighbour asked for.
_RERANK = 30
_FEWEST_RERANKED = 100
#: Share of the cells that are looked into, and how many at the least.
_PROBED, _FEWEST_PROBED = 1 / 32, 16


class FaissIndex:
    """Implements `Index`. `vectors` are the exact ones, which re-ranking reads (and only their candidates)."""

    def __init__(self, index: Any, vectors: npt.NDArray[Any], kind: str) -> None:
        self._index = index
        self._vectors = vectors
        self.kind = kind
        self.probed = 0
        if kind in ("ivf", "pq"):
            self.probed = min(index.nlist, max(_FEWEST_PROBED, round(index.nlist * _PROBED)))

    def search(self, queries: npt.NDArray[Any], k: int) -> tuple[Floats, Ints]:
        """See `Index.search`."""
        asked = np.ascontiguousarray(queries, np.float32)
        wanted = k if self.kind != "pq" else max(_FEWEST_RERANKED, _RERANK * k)
        wanted = min(wanted, len(self._vectors))
        # Given with the call: an index is shared by threads.
        settings: Any = faiss.SearchParametersIVF(**{"nprobe": self.probed}) if self.probed else None
        _, rows = self._index.search(asked, wanted, params=settings)
        cosines = np.full(rows.shape, -np.inf, np.float32)
        for number, line in enumerate(rows):
            known = line >= 0
            cosines[number, known] = np.asarray(self._vectors[line[known]], np.float32) @ asked[number]
        cosines, rows = best(cosines, rows.astype(np.int64), k)
        if rows.shape[1] < k:
            missing = ((0, 0), (0, k - rows.shape[1]))
            rows = np.pad(rows, missing, constant_values=-1)
            cosines = np.pad(cosines, missing, constant_values=-np.inf)
        return cosines, rows

    @property
    def bytes(self) -> int:
        """Codes, ids and cell centres."""
        index = self._index
        if self.kind == "flat":
            return int(index.ntotal) * int(index.d) * 4
        code = int(index.code_size) + 8
        return int(index.ntotal) * code + int(index.nlist) * int(index.d) * 4

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))


def build(vectors: npt.NDArray[Any], kind: str) -> FaissIndex:
    """Trains and fills an index over [n, d]; deterministic for the same vectors."""
    count, dim = vectors.shape
    index: Any
    if kind == "flat":
        index = faiss.IndexFlatIP(dim)
    else:
        cells = cells_for(count)
        coarse = faiss.IndexFlatIP(dim)
        if kind == "ivf":
            index = faiss.IndexIVFFlat(coarse, dim, cells, faiss.METRIC_INNER_PRODUCT)
        else:
            index = faiss.IndexIVFPQ(coarse, dim, cells, code_bytes(dim), 8, faiss.METRIC_INNER_PRODUCT)
            index.pq.cp.niter = 8
        index.cp.spherical = True
        index.cp.niter = 8
        rows = np.linspace(0, count - 1, min(count, _TRAIN_PER_CELL * cells)).astype(np.int64)
        index.train(np.ascontiguousarray(vectors[rows], np.float32))
    for start in range(0, count, 65_536):
        index.add(np.ascontiguousarray(vectors[start : start + 65_536], np.float32))
    return FaissIndex(index, vectors, kind)


def cells_for(count: int) -> int:
    """About 2 √n, and never so many that k-means lacks points."""
    return max(1, min(round(2 * count**0.5), count // _TRAIN_PER_CELL))


def code_bytes(dim: int) -> int:
    """Bytes of a code: the largest divisor of `dim` up to one byte for every eight numbers."""
    return max(size for size in range(1, max(1, dim // _NUMBERS_PER_BYTE) + 1) if dim % size == 0)


def load(path: Path, vectors: npt.NDArray[Any], kind: str) -> FaissIndex:
    """An index that `save` wrote, mapped from disk."""
    return FaissIndex(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC), vectors, kind)
