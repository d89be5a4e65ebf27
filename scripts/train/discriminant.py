"""Linear discriminants of designs: what stays from view to view of one cloth (Fisher; Hastie et al. 2009, section 4.3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

F = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Discriminant:
    mean: F  # [d]
    axes: F  # [d, k]

    def __call__(self, rows: F) -> F:
        return (rows - self.mean) @ self.axes


def fit(
    rows: F, designs: NDArray[np.integer], width: int, *, ridge: float = 0.3, components: int = 500
) -> Discriminant:
    """The `width` directions with the greatest scatter between designs to scatter within.

    rows [n, d], designs [n]. Rows are first reduced to `components` principal ones; `ridge` is the share of the mean
    within-variance that is added to every direction, so that directions hardly seen in renders are not blown up.
    """
    mean = rows.mean(0)
    centred = (rows - mean).astype(np.float32)
    d = rows.shape[1]
    _, principal = eigh(centred.T @ centred / len(rows), subset_by_index=[max(0, d - components), d - 1])
    reduced = (centred @ principal).astype(np.float64)
    _, group = np.unique(designs, return_inverse=True)
    sizes = np.bincount(group)
    centres = np.zeros((len(sizes), reduced.shape[1]))
    np.add.at(centres, group, reduced)
    centres /= sizes[:, None]
    inner = reduced - centres[group]
    within = inner.T @ inner / (len(rows) - len(sizes))
    between = (centres.T * sizes) @ centres / len(rows)
    within += ridge * np.trace(within) / len(within) * np.eye(len(within))
    k = len(within)
    _, directions = eigh(between, within, subset_by_index=[k - width, k - 1])
    return Discriminant(mean, (principal @ directions[:, ::-1]).astype(np.float32))
