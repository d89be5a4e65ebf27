"""Linear fine scores in closed form: class-balanced ridge regression, and the Gaussian discriminant (GDA)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Method
from shared.ranking.methods import Floats, Ints

Doubles = npt.NDArray[np.float64]


def fit_linear(method: Method, vectors: npt.ArrayLike, owner: Ints, classes: int) -> Floats:
    """[C, d + 1] weights and bias of a linear method on [n, d] samples; classes without samples get a bias of -inf.

    ridge: minimises Σ_i |t_i - W x_i|² / n(class of i) + shrink |W|², t_i one-hot: every class weighs the same.
    gda: W = μ_c S⁻¹, bias = -½ μ_c S⁻¹ μ_c, S the within-class scatter + shrink × its trace on the diagonal, scaled by
    the square root of that diagonal so that scores stay near 1.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    counts = np.bincount(owner, minlength=classes)
    present = counts > 0
    means = np.zeros((classes, rows.shape[1]))
    np.add.at(means, owner, rows)
    means[present] /= counts[present, None]
    if method.name == "ridge":
        scaled = rows / np.sqrt(counts[owner])[:, None]
        # Σ_i x_i / n = the class mean: the right-hand side needs no one-hot matrix.
        weights = _ridge_solve(scaled, method.shrink, means)
        bias = np.zeros(classes)
    else:
        centred = rows - means[owner]
        diagonal = max(method.shrink * float(np.einsum("nd,nd->", centred, centred)), 1e-9)
        weights = _ridge_solve(centred, diagonal, means) * np.sqrt(diagonal)
        bias = -0.5 * np.einsum("cd,cd->c", weights, means)
    bias[~present] = -np.inf
    return np.concatenate([weights, bias[:, None]], axis=1).astype(np.float32)


def _ridge_solve(rows: Doubles, diagonal: float, targets: Doubles) -> Doubles:
    """targets (rowsᵀ rows + diagonal I)⁻¹, through whichever of [d, d] and [n, n] is smaller (Woodbury)."""
    count, dim = rows.shape
    if dim <= count:
        return np.asarray(np.linalg.solve(rows.T @ rows + diagonal * np.eye(dim), targets.T).T, np.float64)
    inner = np.linalg.solve(rows @ rows.T + diagonal * np.eye(count), rows @ targets.T)
    through: Doubles = (targets - inner.T @ rows) / diagonal
    return through


class LeaveOneOutSolver:
    """Exact leave-one-out for ridge and GDA without refitting: leaving rows out is a low-rank update of one class.

    The fit is B = Xᵀ Ω X + diagonal I with a small block Ω per class; without some rows of class c it is
    B + X_cᵀ E X_c, and the inverse follows from an [n_c, n_c] solve (Woodbury). All that is needed are inner products
    under B⁻¹, so rows are kept as X̃ = X B^-½. GDA's diagonal is kept as the whole bank sets it.
    """

    def __init__(self, method: Method, rotated: Doubles, starts: Ints) -> None:
        """`rotated`: [n, m] from `span`, sorted by class; `starts`: [C + 1] first row of each class; none is empty."""
        counts = np.diff(starts)
        self._ridge = method.name == "ridge"
        self._starts = starts
        means = np.add.reduceat(rotated, starts[:-1], axis=0) / counts[:, None]
        if self._ridge:
            scaled, diagonal = rotated / np.sqrt(np.repeat(counts, counts))[:, None], method.shrink
        else:
            scaled = rotated - np.repeat(means, counts, axis=0)
            diagonal = max(method.shrink * float(np.einsum("nm,nm->", scaled, scaled)), 1e-9)
        factor = np.linalg.cholesky(scaled.T @ scaled + diagonal * np.eye(rotated.shape[1]))
        self._factor = factor
        self._rows = self.whiten(rotated)
        self._means = np.add.reduceat(self._rows, starts[:-1], axis=0) / counts[:, None]
        self._own = np.einsum("cm,cm->c", self._means, self._means)
        self._scale = 1.0 if self._ridge else float(np.sqrt(diagonal))

    def whiten(self, rotated: Doubles) -> Doubles:
        """[q, m] queries in the span, as `scores` takes them."""
        return np.asarray(np.linalg.solve(self._factor, rotated.T).T, np.float64)

    def scores(self, query: Doubles, label: int, removed: npt.NDArray[np.bool_]) -> Doubles:
        """[C] scores of a query [m] without the rows `removed` ([n_c] bool) of class `label`; -inf if it is empty."""
        block = self._rows[self._starts[label] : self._starts[label + 1]]
        count, kept = len(block), ~removed
        left = int(kept.sum())
        means, own = self._means, self._own
        if left:
            mean = block[kept].mean(axis=0)
            means, own = means.copy(), own.copy()
            means[label], own[label] = mean, mean @ mean
        if self._ridge:
            change = np.diag(np.where(kept, 1 / max(left, 1), 0) - 1 / count)
        else:
            centring = np.diag(kept.astype(np.float64)) - np.outer(kept, kept) / max(left, 1)
            change = centring - (np.eye(count) - 1 / count)
        update = np.linalg.solve(np.eye(count) + change @ (block @ block.T), change)
        towards = block @ means.T
        found: Doubles = query @ means.T - (block @ query) @ update @ towards
        if not self._ridge:
            found = found - 0.5 * (own - (towards * (update @ towards)).sum(axis=0))
        found *= self._scale
        if not left:
            found[label] = -np.inf
        return found


def span(vectors: npt.ArrayLike) -> Doubles:
    """[n, min(n, d)] the rows rotated into their own span: every inner product is kept."""
    rows = np.asarray(vectors, dtype=np.float64)
    if len(rows) >= rows.shape[1]:
        return rows
    return np.asarray(np.linalg.qr(rows.T, mode="r"), np.float64).T
