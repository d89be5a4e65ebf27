"""Selects a bank's fine method by leave-one-out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shared.bank.ranking_fit import Method
from shared.ranking.fitting.leave_out import ranks
from shared.ranking.fitting.left_out import LeftOut
from shared.ranking.methods import Floats, Ints

CANDIDATES: tuple[Method, ...] = (
    *(Method("samples", k=k, centroid=weight) for k in (1, 2, 3) for weight in (0.5, 0.0, 1.0)),
    Method("centroid"),
    *(Method("tip", beta=beta) for beta in (10.0, 20.0, 40.0)),
    *(Method("gda", shrink=shrink, centroid=w) for shrink in (0.01, 0.1) for w in (0.0, 0.25, 1.0)),
    *(Method("ridge", shrink=shrink, centroid=w) for shrink in (0.03, 0.1, 0.3) for w in (0.0, 0.25, 1.0)),
    *(Method("ridge", shrink=shrink, near=w, beta=10.0) for shrink in (0.03, 0.1, 0.3) for w in (0.25, 0.5, 1.0)),
)
_TEXT_WEIGHTS = (0.25, 0.5, 1.0, 2.0)
#: Minimum gain for including class names: less is noise, and they need a text tower when a bank is built.
_TEXT_GAIN = 0.005
#: In units of `spread`.
_TEMPERATURES = np.geomspace(0.05, 5, 24)


def spread(scores: Floats) -> float:
    """Typical standard deviation of a query's class scores: the scale of temperatures. Ignores -inf scores."""
    finite = np.where(np.isfinite(scores), scores, np.nan)
    return max(float(np.nanmedian(np.nanstd(finite, axis=1))), 1e-9)


def log_loss(scores: Floats, truth: Ints) -> float:
    """Mean negative log-likelihood of the correct class, at the best temperature."""
    own = np.take_along_axis(scores, truth[:, None], axis=1)[:, 0]
    top = scores.max(axis=1)
    losses = []
    for temperature in (_TEMPERATURES * spread(scores)).astype(np.float32):
        total = np.exp((scores - top[:, None]) / temperature).sum(axis=1)
        losses.append(float(np.mean(np.log(total) - (own - top) / temperature)))
    return min(losses)


def selection_score(scores: Floats, truth: Ints) -> float:
    """Selection criterion for methods: mean reciprocal rank - log-loss / 10.

    Top-1 on a few hundred queries varies by a percent or two at random; these two correlate with it and have less
    variance.
    """
    reciprocal = float(np.mean(1 / (ranks(scores, truth) + 1)))
    return reciprocal - log_loss(scores, truth) / 10


def choose_method(
    loo: LeftOut,
    queries: Ints,
    candidates: tuple[Method, ...] = CANDIDATES,
    progress: Callable[[int, int], None] | None = None,
) -> Method:
    """The candidate with the best `selection_score` on these queries, then with the text prior if that gains."""
    truth = loo.truth[queries]

    def value(method: Method) -> float:
        return selection_score(loo.scores(method)[queries], truth)

    best, best_value = candidates[0], -np.inf
    for number, method in enumerate(candidates):
        found = value(method)
        if found > best_value + 1e-9:
            best, best_value = method, found
        if progress:
            progress(number + 1, len(candidates))
    if loo.text is not None:
        wanted = best_value + _TEXT_GAIN
        for weight in _TEXT_WEIGHTS:
            method = best.with_text(weight)
            found = value(method)
            if found > wanted:
                best, wanted = method, found
    return best
