"""Groups near-duplicate samples, i.e. copies of the same photo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.ranking.methods import Floats, Ints

#: Cosine above which two vectors of a CLIP encoder show the same photo (copied, resized, recompressed).
SAME = 0.98
#: Maximum distance of exact copies with any encoder: rounding to float16.
_COPY = 1e-3
#: Rows compared at a time.
_BLOCK = 1024


@dataclass(frozen=True)
class Groups:
    """Near-duplicate samples. `of[i]` is the group of row i; groups are numbered by their first row."""

    #: [n]
    of: Ints
    #: The cosine above which rows were joined.
    threshold: float
    #: [G] first row of each group.
    first: Ints
    #: [G] whether a group's rows belong to more than one class.
    across: npt.NDArray[np.bool_]

    @classmethod
    def numbered(cls, numbers: npt.NDArray[Any], owner: Ints, threshold: float) -> Groups:
        """Groups rows by arbitrary numbers."""
        _, first, of = np.unique(numbers, return_index=True, return_inverse=True)
        order = np.argsort(np.argsort(first))
        of, first = order[of].astype(np.int64), np.sort(first).astype(np.int64)
        low = np.full(len(first), np.iinfo(np.int64).max)
        high = np.full(len(first), -1)
        np.minimum.at(low, of, owner)
        np.maximum.at(high, of, owner)
        return cls(of, threshold, first, low != high)

    @property
    def queries(self) -> Ints:
        """[q] one row for every photo that belongs to one class only: the queries of leave-one-out."""
        return self.first[~self.across]


def duplicate_threshold(vectors: npt.NDArray[Any], owner: Ints) -> float:
    """The cosine above which rows count as one photo: `SAME`, or closer where an encoder crowds everything together.

    An untrained encoder gives all photos of a class cosines above 0.98; there a tenth of the usual distance between
    neighbours of a class decides. Copies are no neighbours.
    """
    # A few hundred rows suffice to estimate the usual distance.
    rows = np.linspace(0, len(vectors) - 1, min(len(vectors), 512)).astype(int)
    return threshold_of(
        np.asarray(vectors[owner == owner[row]], np.float32) @ np.asarray(vectors[row], np.float32) for row in rows
    )


def threshold_of(cosines: Iterable[Floats]) -> float:
    """As `duplicate_threshold`, from some rows' cosines to all rows of their class."""
    nearest = []
    for same_class in cosines:
        distances = 1 - same_class[same_class < 1 - _COPY]
        if len(distances):
            nearest.append(float(distances.min()))
    usual = float(np.median(nearest)) if nearest else 1.0
    return 1 - max(min(1 - SAME, usual / 10), _COPY)


def find_groups(vectors: npt.NDArray[Any], owner: Ints, threshold: float | None = None) -> Groups:
    """Groups of [n, d] L2-normalised rows: connected by cosines above `threshold` (None: `duplicate_threshold`)."""
    threshold = duplicate_threshold(vectors, owner) if threshold is None else threshold
    left, right = close_pairs(vectors, threshold)
    return Groups.numbered(components(len(vectors), left, right), owner, threshold)


def components(count: int, left: Ints, right: Ints) -> Ints:
    """[count] the smallest row of the connected component of each row, where `left[i]` and `right[i]` are joined."""
    of: Ints = np.arange(count, dtype=np.int64)
    while True:
        before = of.copy()
        np.minimum.at(of, left, of[right])
        np.minimum.at(of, right, of[left])
        # Whoever points at a row that points further down takes the shortcut.
        of = of[of]
        if np.array_equal(of, before):
            return of


def close_pairs(vectors: npt.NDArray[Any], threshold: float) -> tuple[Ints, Ints]:
    """Rows i and j (i < j) of all pairs whose cosine is above `threshold`."""
    pairs: list[Ints] = [np.empty((2, 0), np.int64)]
    rows: Floats = np.asarray(vectors, dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        for other in range(start, len(rows), _BLOCK):
            left, right = np.nonzero(block @ rows[other : other + _BLOCK].T > threshold)
            left, right = left + start, right + other
            keep = left < right
            pairs.append(np.stack([left[keep], right[keep]]))
    first, second = np.concatenate(pairs, axis=1)
    return first, second
