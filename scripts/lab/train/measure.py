"""Figures of merit on embeddings: nearest sample, few shots, class names. Plain NumPy, no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.floating]
Labels = NDArray[np.generic]


def unit(rows: F) -> F:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, 1e-12)


def nearest(bank: F, bank_labels: Labels, queries: F, labels: Labels) -> float:
    """Share of queries whose nearest bank sample (cosine) has their label."""
    best = (unit(queries) @ unit(bank).T).argmax(1)
    return float((bank_labels[best] == labels).mean())


def few_shot(rows: F, classes: NDArray[np.integer], shots: int = 8) -> tuple[float, float]:
    """Top-1 with the first `shots` rows a class as the bank and the others as queries: (nearest sample, fused).

    Fused is the ranking that banks use by default: cosine to the best sample plus half the cosine to the centroid.
    """
    place = np.empty(len(classes), np.int64)
    for c in np.unique(classes):
        place[classes == c] = np.arange((classes == c).sum())
    banked = place < shots
    bank, queries = unit(rows[banked]), unit(rows[~banked])
    labels, truth = classes[banked], classes[~banked]
    names = np.unique(labels)
    cosines = queries @ bank.T
    best = np.stack([cosines[:, labels == c].max(1) for c in names], 1)
    centroids = unit(np.stack([bank[labels == c].mean(0) for c in names]))
    fused = best + 0.5 * queries @ centroids.T
    return float((names[best.argmax(1)] == truth).mean()), float((names[fused.argmax(1)] == truth).mean())


def zero_shot(rows: F, classes: NDArray[np.integer], names: F) -> float:
    """Top-1 of rows against one text vector a class [classes, d]."""
    return float(((unit(rows) @ unit(names).T).argmax(1) == classes).mean())
