"""How certain a bank's answers to its own photos are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.curation.drift import Certainty
from shared.ranking.fitting.cross_fit import CrossFitResult
from shared.ranking.model import Verdict


def own_answers(answers: CrossFitResult, labels: Sequence[str]) -> Certainty:
    """Of cross-fitted answers; `labels`: of the classes by number."""
    verdicts = np.where(answers.answered, Verdict.LABEL, np.where(answers.foreign, Verdict.NOT_IN_BANK, Verdict.UNSURE))
    best = answers.label_class
    # Photos of a class without a second one are no measure of what jobs should look like.
    rows = np.flatnonzero(answers.counted).tolist()
    return Certainty.of([(labels[best[i]], str(verdicts[i]), float(answers.confidence[i])) for i in rows])
