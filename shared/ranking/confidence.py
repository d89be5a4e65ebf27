"""Calibrated confidence and verdict thresholds from the bank's manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import PresetCalibration
from shared.ranking.methods import Floats


def softmax(scores: Floats, temperature: float) -> Floats:
    """Rows of probabilities; -inf scores get 0."""
    shifted = (scores - scores.max(axis=1, keepdims=True)) / np.float32(temperature)
    exponents = np.exp(shifted)
    shares: Floats = exponents / exponents.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True)
class Calibration:
    """One preset's numbers: `temperature`, optionally an isotonic curve (`x` → `y`), and verdict thresholds."""

    temperature: float
    x: npt.NDArray[np.float64] | None = None
    y: npt.NDArray[np.float64] | None = None
    #: Below this confidence the verdict is `unsure`; `classes` overrides it by label.
    unsure_below: float = 0.0
    classes: dict[str, float] | None = None
    #: Novelty score for `not_in_bank`: `nearest` (best cosine to a sample) or `score` (of the best class).
    foreign_by: str = "nearest"
    #: Below this the verdict is `not_in_bank`.
    foreign_below: float = -np.inf
    #: Summed probability of a parent's classes from which the parent is the answer; None: never.
    parent_from: float | None = None

    @classmethod
    def of(cls, fit: PresetCalibration) -> Calibration:
        """From the manifest."""
        return cls(
            temperature=fit.temperature,
            x=np.array(fit.isotonic.x) if fit.isotonic else None,
            y=np.array(fit.isotonic.y) if fit.isotonic else None,
            unsure_below=fit.unsure_below,
            classes=fit.unsure_below_by_class,
            foreign_by=fit.foreign_by,
            foreign_below=fit.foreign_below,
            parent_from=fit.parents.answer_from if fit.parents else None,
        )

    def confidence(self, shares: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Calibrated probability that the best class is correct, from its softmax probability."""
        if self.x is None or self.y is None:
            return shares
        calibrated: npt.NDArray[Any] = np.interp(shares, self.x, self.y)
        return calibrated

    def out_of_bank(self, nearest: npt.NDArray[Any], score: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Whether photos show none of the bank's classes, from their best cosine to a sample and their best score."""
        below: npt.NDArray[np.bool_] = (nearest if self.foreign_by == "nearest" else score) < self.foreign_below
        return below

    def answer_threshold(self, label: str) -> float:
        """Minimum confidence for the verdict `label` with this label."""
        return self.classes.get(label, self.unsure_below) if self.classes else self.unsure_below
