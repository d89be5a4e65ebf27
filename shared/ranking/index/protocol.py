"""What every index can do."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Index(Protocol):
    """Searches [n, d] L2-normalised vectors; immutable, safe to use from several threads."""

    kind: str

    def search(self, queries: npt.NDArray[Any], k: int) -> tuple[Floats, Ints]:
        """[q, k] cosines, best first, and rows of the nearest vectors of [q, d] L2-normalised queries.

        Cosines are exact in every kind; ties go by row. Where fewer than `k` are found, rows end in -1 and cosines in
        -inf.
        """
        ...

    @property
    def bytes(self) -> int:
        """Memory that the index itself takes, without the vectors that the caller keeps (mapped from disk)."""
        ...
