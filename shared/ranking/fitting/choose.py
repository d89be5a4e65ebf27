"""The fine method of a bank, chosen by leave-one-out among the ones in `methods`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shared.ranking.fitting.leave_out import LeaveOneOut, ranks
from shared.ranking.methods import Floats, Ints, Method

CANDIDATES: tuple[Method, ...] = (
    *(Method("samples", k=k, centroid=weight) for k in (1, 2, 3) for weight in (0.5, 0.0, 1.0)),
    Method("centroid"),
    *(Method("tip", beta=beta) for beta in (10.0, 20.0, 40.0)),
    *(Method("gda", shrink=shrink, centroid=w) for shrink in (0.01, 0.1) for w in (0.0, 0.25, 1.0)),
    *(Method("ridge", shrink=shrink, centroid=w) for shrink in (0.03, 0.1, 0.3) for w in (0.0, 0.25, 1.0)),
    *(Method("ridge", shrink=shrink, near=w, beta=10.0) for shrink in (0.03, 0.1, 0.3) for w in (0.25, 0.5, 1.0)),
)
_TEXT_WEIGHTS = (0.25, 0.5, 1.0, 2.0)
#: What the class names must gain to be taken in: less is noise, and they cost a text tower when a bank is built.
_TEXT_GAIN = 0.005
#: In units of `spread`.
_TEMPERATURES = np.geomspace(0.05, 5, 24)


def spread(scores: Floats) -> float:
    """How far the classes of a query lie apart, typically: the scale of temperatures. -inf scores are no classes."""
    finite = np.where(np.isfinite(scores), scores, np.nan)
    return max(float(np.nanmedian(np.nanstd(finite, axis=1))), 1e-9)


def log_loss(scores: Floats, truth: Ints) -> float:
    """Mean negative log-likelihood of the right class, at the temperature that suits best."""
    own = np.take_along_axis(scores, truth[:, None], axis=1)[:, 0]
    top = scores.max(axis=1)
    losses = []
    for temperature in (_TEMPERATURES * spread(scores)).astype(np.float32):
        total = np.exp((scores - top[:, None]) / temperature).sum(axis=1)
        losses.append(float(np.mean(np.log(total) - (own - top) / temperature)))
    return min(losses)


def worth(scores: Floats, truth: Ints) -> float:
    """What a method is judged by: mean reciprocal rank - log-loss / 10.

    Top-1 of a few hundred queries moves by a percent or two with every method and picks winners by luck; these two move
    with it and are steadier.
    """
    reciprocal = float(np.mean(1 / (ranks(scores, truth) + 1)))
    return reciprocal - log_loss(scores, truth) / 10


def choose_method(
    loo: LeaveOneOut,
    queries: Ints,
    candidates: tuple[Method, ...] = CANDIDATES,
    progress: Callable[[int, int], None] | None = None,
) -> Method:
    """The candidate of most worth on these queries (numbers into `loo.queries`), then the text prior if it gains."""
    truth = loo.truth[queries]

    def value(method: Method) -> float:
        return worth(loo.scores(method)[queries], truth)

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
