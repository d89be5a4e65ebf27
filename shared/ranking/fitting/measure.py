"""How good answers are: calibration error, and what is gained by answering fewer questions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_MIN_PER_BIN = 40


def calibration_error(confidence: npt.NDArray[Any], right: Bools, bins: int = 10) -> float:
    """Expected calibration error (Guo et al., ICML 2017), equally filled bins: mean |confidence - share right|.

    Bins hold at least `_MIN_PER_BIN` answers where there are enough: the share right of 20 answers is off by 0.09 by
    chance alone, which ten bins of 200 answers would report as an error of perfect confidences.
    """
    if not len(confidence):
        return 0.0
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(order) // _MIN_PER_BIN)))
    gaps = [abs(float(confidence[part].mean()) - float(right[part].mean())) * len(part) for part in parts]
    return sum(gaps) / len(order)


def reliability(confidence: npt.NDArray[Any], right: Bools, bins: int = 10) -> list[dict[str, float]]:
    """`{"confidence", "right", "count"}` for every of `bins` equally filled bins, by confidence."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [
        {"confidence": float(confidence[p].mean()), "right": float(right[p].mean()), "count": len(p)} for p in parts
    ]


def risk_coverage(confidence: npt.NDArray[Any], right: Bools) -> tuple[Doubles, Doubles]:
    """Risk (share wrong) among the k most confident answers against coverage k / n (Geifman & El-Yaniv, 2017)."""
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    return np.cumsum(~right[order]) / count, count / max(len(order), 1)


def coverage_at(confidence: npt.NDArray[Any], right: Bools, risk: float) -> float:
    """The largest share of answers that can be given with at most this risk."""
    risks, coverage = risk_coverage(confidence, right)
    fits = np.flatnonzero(risks <= risk)
    return float(coverage[fits[-1]]) if len(fits) else 0.0
