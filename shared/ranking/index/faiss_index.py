"""faiss behind the `Index` protocol: flat, IVF, and IVF-PQ whose best are compared again with the exact vectors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from shared.ranking.index.exact import best
from shared.ranking.index.protocol import Floats, Ints

#: Vectors that k-means looks at per cell; faiss warns below 39.
_TRAIN_PER_CELL = 40
#: Numbers that one code of four bits stands for.
_NUMBERS_PER_CODE = 4
#: Candidates compared exactly, per neighbour asked for.
_RERANK = 40
_FEWEST_RERANKED = 100
#: Share of the cells that are looked into, and how many at the least.
_PROBED, _FEWEST_PROBED = 1 / 6, 16


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
    def cells(self) -> Any:
        """faiss' index over the cells' centres."""
        return self._index.quantizer

    @property
    def bytes(self) -> int:
        """Codes, ids and cell centres."""
        index = self._index
        count, dim = int(index.ntotal), int(index.d)
        if self.kind == "flat":
            return count * dim * 4
        taken: int = count * (int(index.code_size) + 8) + int(index.nlist) * dim * 4
        return taken

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
            # Four bits a code: looked up in registers, which makes up for looking into many cells.
            index = faiss.IndexIVFPQFastScan(coarse, dim, cells, codes(dim), 4, faiss.METRIC_INNER_PRODUCT)
        index.cp.spherical = True
        index.cp.niter = 8
        rows = np.linspace(0, count - 1, min(count, _TRAIN_PER_CELL * cells)).astype(np.int64)
        index.train(np.ascontiguousarray(vectors[rows], np.float32))
    for start in range(0, count, 65_536):
        index.add(np.ascontiguousarray(vectors[start : start + 65_536], np.float32))
    return FaissIndex(index, vectors, kind)


def cells_for(count: int) -> int:
    """About 2 √n, and never so many that k-means lacks points."""
    return max(1, min(round(2 * math.sqrt(count)), count // _TRAIN_PER_CELL))


def codes(dim: int) -> int:
    """Codes a vector: the largest divisor of `dim` up to one for every four numbers."""
    return max(count for count in range(1, max(1, dim // _NUMBERS_PER_CODE) + 1) if dim % count == 0)


def load(path: Path, vectors: npt.NDArray[Any], kind: str) -> FaissIndex:
    """An index that `save` wrote, mapped from disk."""
    return FaissIndex(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC), vectors, kind)
