"""Fine scores: how well a query fits each class, from its similarities to samples, centroids and class names.

A method is plain data (it lives in the manifest): `name` and its numbers.
    samples  mean of the `k` best cosines + `centroid` × cosine to the centroid
    centroid cosine to the centroid alone; needs no samples
    tip      log of the mean of exp(-`beta` (1 - cosine)) over the class's samples (the affinity of Tip-Adapter,
             Zhang et al., ECCV 2022, arXiv:2111.03930, as a density per class: large classes do not win by size)
    gda      linear discriminant with one shared, shrunk covariance (Wang et al., ICLR 2024, arXiv:2402.04087)
    ridge    ridge regression on class membership, every class weighing the same, in closed form (a linear probe)
             both + `centroid` × cosine to the centroid + `near` × the log-density of `tip`
Every method may add `text` × cosine to the class name's embedding.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Method

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

#: Methods whose fine score is a matrix product with one row a class.
LINEAR = ("gda", "ridge")


#: For banks too small to choose by leave-one-out.
DEFAULT = Method("samples", k=1, centroid=0.5)
#: What is left where no samples are read.
CENTROIDS = Method("centroid")


def padded_rows(starts: Ints) -> Ints:
    """[C, m] rows of every class's samples, m the largest class; missing ones point one past the end."""
    counts = np.diff(starts)
    columns = np.arange(int(counts.max(initial=1)))
    rows: Ints = np.where(columns < counts[:, None], starts[:-1, None] + columns, starts[-1])
    return rows


def best_mean(cosines: Floats, starts: Ints, k: int) -> Floats:
    """[q, C] mean of each class's `k` best cosines (of all, where it has fewer). `cosines` is [q, n], -inf: left out.

    Every class has at least one sample; a class with all of them left out scores -inf.
    """
    if k == 1:
        best: Floats = np.maximum.reduceat(cosines, starts[:-1], axis=1)
        return best
    extended = np.concatenate([cosines, np.full((len(cosines), 1), -np.inf, np.float32)], axis=1)
    table = extended[:, padded_rows(starts)]
    if table.shape[2] > k:
        table = -np.partition(-table, k - 1, axis=2)[:, :, :k]
    usable = np.isfinite(table)
    count = usable.sum(axis=2)
    total = np.where(usable, table, 0).sum(axis=2)
    mean: Floats = np.where(count > 0, total / np.maximum(count, 1), -np.inf).astype(np.float32)
    return mean


def affinity(cosines: Floats, starts: Ints, beta: float) -> Floats:
    """[q, C] log mean of exp(-beta (1 - cosine)) / beta over each class's samples; -inf cosines are left out."""
    kernel = np.exp(np.float32(beta) * (cosines - 1))
    total = np.add.reduceat(kernel, starts[:-1], axis=1)
    count = np.add.reduceat(np.isfinite(cosines).astype(np.float32), starts[:-1], axis=1)
    with np.errstate(divide="ignore"):
        logs: Floats = (np.log(total / np.maximum(count, 1)) / np.float32(beta)).astype(np.float32)
    return logs


def combine(
    method: Method, starts: Ints, cosines: Floats, centroid: Floats, text: Floats | None, linear: Floats | None
) -> Floats:
    """[q, C] fine scores from [q, n] cosines to samples, and [q, C] cosines to centroids, names, and linear scores."""
    nearest = best_mean(cosines, starts, method.k) if method.name == "samples" else None
    density = affinity(cosines, starts, method.beta) if asks_density(method) else None
    return fuse(method, nearest, density, centroid, text, linear)


def asks_density(method: Method) -> bool:
    """Whether the method looks at every sample of a class, not only at the nearest."""
    return method.name == "tip" or (method.name in LINEAR and bool(method.near))


def fuse(
    method: Method,
    nearest: Floats | None,
    density: Floats | None,
    centroid: Floats,
    text: Floats | None,
    linear: Floats | None,
) -> Floats:
    """Fine scores, all arrays of one shape. `nearest`: mean of a class's `k` best cosines, of `samples` alone;
    `density`: as of `affinity`, where the method asks for it."""
    if method.name == "samples":
        assert nearest is not None
        score = nearest
        if method.centroid:
            score = score + np.float32(method.centroid) * centroid
    elif method.name == "tip":
        assert density is not None
        score = density
    elif method.name in LINEAR:
        assert linear is not None
        score = linear + np.float32(method.centroid) * centroid if method.centroid else linear
        if method.near:
            assert density is not None
            score = score + np.float32(method.near) * density
    else:
        score = centroid
    if method.text and text is not None:
        score = score + np.float32(method.text) * text
    return score
