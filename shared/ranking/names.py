"""Name-only classes: scored by cosines to class names, on the scale of the classes with samples."""

from __future__ import annotations

import numpy as np

from shared.bank.ranking_fit import NameScale, PresetCalibration, RankingFit
from shared.ranking.columns import Columns
from shared.ranking.methods import DEFAULT, Floats, Ints

#: Probability below which a bank without samples answers `unsure`; it has no data to calibrate this.
UNSURE_BELOW = 0.5


def name_only_ranking(temperature: float) -> RankingFit:
    """The manifest's `ranking` of a bank without any sample; `temperature` is the text tower's."""
    calibration = PresetCalibration(temperature=temperature, calibrated=False, unsure_below=UNSURE_BELOW)
    return RankingFit(method=DEFAULT, chosen=False, calibration={"*": calibration})


def name_scale(scores: Floats, cosines: Floats) -> NameScale:
    """Linear map from cosines to names [q, C] to the mean and spread of the same classes' fine scores [q, C]."""
    both = np.isfinite(scores)
    fine, text = scores[both].astype(np.float64), cosines[both].astype(np.float64)
    slope = fine.std() / max(text.std(), 1e-6)
    return NameScale(slope=round(float(slope), 5), shift=round(float(fine.mean() - slope * text.mean()), 5))


class NameRanker:
    """Scores the classes of a bank that a preset ranks by name."""

    def __init__(self, texts: Floats, classes: Ints, scale: NameScale) -> None:
        #: [m, d], and the number of each [m].
        self._texts, self.classes = Columns(np.asarray(texts, np.float32)), classes
        self._slope, self._shift = np.float32(scale.slope), np.float32(scale.shift)

    def scores(self, queries: Floats) -> Floats:
        """[q, m]"""
        scores: Floats = self._slope * self._texts.products(queries) + self._shift
        return scores
