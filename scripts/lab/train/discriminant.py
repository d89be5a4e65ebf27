"""Linear discriminants of designs: what stays from view to view of one cloth (Hastie et al. 2009, section 4.3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Discriminant:
    mean: Tensor  # [d]
    axes: Tensor  # [d, k]

    def __call__(self, rows: Tensor) -> Tensor:
        return (rows.float() - self.mean) @ self.axes


def _principal(centred: Tensor, count: int) -> Tensor:
    """The `count` directions of the greatest variance of rows [n, d]: [d, count], from the smaller product matrix."""
    n, d = centred.shape
    if d <= n:
        return torch.linalg.eigh(centred.T @ centred / n)[1][:, -count:]
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    return centred.T @ vectors[:, -count:] / values[-count:].clamp(min=1e-12).sqrt()


def fit(
    rows: Tensor,
    designs: Tensor,
    width: int,
    *,
    ridge: float = 0.1,
    components: int = 900,
    even: bool = False,
) -> Discriminant:
    """The `width` directions with the greatest scatter between designs to scatter within.

    rows [n, d], designs int64 [n]. Rows are first reduced to `components` principal ones; `ridge` is the share of the
    mean within-variance that is added to every direction, so that directions hardly seen in renders are not blown up.
    `even` brings the columns to one spread first (histograms have theirs for a reason, learnt features do not).
    """
    mean = rows.float().mean(0)
    centred = rows.float() - mean
    spread = centred.std(0)
    scale = 1 / (spread + 0.25 * spread.mean()) if even else torch.ones_like(spread)
    centred *= scale
    principal = _principal(centred, min(components, rows.shape[1], len(rows) // 2))
    reduced = (centred @ principal).double()
    _, group, sizes = designs.unique(return_inverse=True, return_counts=True)
    centres = torch.zeros(len(sizes), reduced.shape[1], dtype=reduced.dtype, device=rows.device)
    centres.index_add_(0, group, reduced)
    centres /= sizes[:, None]
    inner = reduced - centres[group]
    within = inner.T @ inner / (len(rows) - len(sizes))
    between = (centres.T * sizes) @ centres / len(rows)
    within += ridge * within.trace() / len(within) * torch.eye(len(within), dtype=within.dtype, device=rows.device)
    # between v = λ within v, as an ordinary problem in the coordinates that make `within` the identity
    lower = torch.linalg.cholesky(within)
    half = torch.linalg.solve_triangular(lower, between, upper=False)
    whitened = torch.linalg.solve_triangular(lower, half.T, upper=False)
    _, vectors = torch.linalg.eigh((whitened + whitened.T) / 2)
    directions = torch.linalg.solve_triangular(lower.T, vectors[:, -width:].flip(1), upper=True)
    return Discriminant(mean, scale[:, None] * (principal @ directions.float()))
