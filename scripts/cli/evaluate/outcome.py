"""How well photos were ranked: outcomes of single photos, and the figures that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scripts.cli.evaluate.evaluation import Figures, Intervals, ReliabilityBin, RiskPoint
from shared.curation.reports import ClassFigures
from shared.ranking.fitting.bootstrap import LEVEL, Interval, PhotoBootstrap
from shared.ranking.fitting.measure import calibration_error, coverage_at, reliability, risk_coverage
from shared.ranking.model import Ranking, Verdict

#: Risks whose coverage is reported.
RISKS = (0.02, 0.05, 0.10, 0.20)
#: Points of a risk–coverage curve.
_POINTS = 50


@dataclass(frozen=True)
class Outcomes:
    """[q] each. `label` and `truth` index `labels`; a truth that the bank does not have is -1."""

    labels: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    #: Classes before the right one; large where it was no candidate.
    rank: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    #: Answered with a label; the rest is `unsure` or `not_in_bank`.
    answered: npt.NDArray[np.bool_]
    #: Group of the photo: near-duplicates have the same.
    photo: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls, labels: tuple[str, ...], truth: list[str], rankings: list[Ranking], photo: npt.NDArray[np.int64]
    ) -> Outcomes:
        """From a worker's own answers."""
        number = {label: index for index, label in enumerate(labels)}
        ranks = []
        for right, answer in zip(truth, rankings, strict=True):
            names = [candidate.label for candidate in answer.candidates]
            ranks.append(names.index(right) if right in names else len(labels))
        return cls(
            labels=labels,
            truth=np.array([number.get(label, -1) for label in truth], np.int64),
            label=np.array([number.get(answer.label or "", -1) for answer in rankings], np.int64),
            rank=np.array(ranks, np.int64),
            confidence=np.array([answer.confidence for answer in rankings]),
            answered=np.array([answer.verdict is Verdict.LABEL for answer in rankings], bool),
            photo=photo,
        )

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = self.rank == 0
        return found

    def figures(self) -> Figures:
        """Figures, curves and the confusion matrix."""
        right = self.right
        answered = int(self.answered.sum())
        risks, coverage = risk_coverage(self.confidence, right)
        some = np.unique(np.linspace(0, len(risks) - 1, min(_POINTS, len(risks))).astype(int))
        return Figures(
            queries=len(self.truth),
            top1=_share(right),
            top5=_share(self.rank < 5),
            per_class=self.per_class(),
            confusion=self.confusion(),
            answered=_share(self.answered),
            wrong_of_answered=_share(~right[self.answered]) if answered else 0.0,
            intervals=self.intervals(),
            calibration_error=round(calibration_error(self.confidence, right), 4),
            coverage_at={f"{risk:g}": round(coverage_at(self.confidence, right, risk), 4) for risk in RISKS},
            risk_coverage=[
                RiskPoint(coverage=round(float(coverage[i]), 4), risk=round(float(risks[i]), 4)) for i in some
            ],
            reliability=[
                ReliabilityBin(
                    confidence=round(row["confidence"], 4), right=round(row["right"], 4), count=int(row["count"])
                )
                for row in reliability(self.confidence, right)
            ],
        )

    def intervals(self) -> Intervals:
        """How sure the shares are."""
        drawn, right = PhotoBootstrap(self.photo), self.right
        classes = {}
        for index, label in enumerate(self.labels):
            own = self.truth == index
            if own.any():
                classes[label] = rounded(PhotoBootstrap(self.photo[own]).share(right[own]))
        return Intervals(
            level=LEVEL,
            groups=len(np.unique(self.photo)),
            top1=rounded(drawn.share(right)),
            top5=rounded(drawn.share(self.rank < 5)),
            answered=rounded(drawn.share(self.answered)),
            wrong_of_answered=rounded(drawn.share(~right, self.answered)),
            per_class=classes,
        )

    def per_class(self) -> dict[str, ClassFigures]:
        """Queries, top-1 and top-5 of every class that was asked."""
        found = {}
        for index, label in enumerate(self.labels):
            own = self.rank[self.truth == index]
            if len(own):
                found[label] = ClassFigures(queries=len(own), top1=_share(own < 1), top5=_share(own < 5))
        return found

    def confusion(self) -> dict[str, dict[str, int]]:
        """True class → answer → how often; zeros are left out."""
        found: dict[str, dict[str, int]] = {}
        for right, answer in zip(self.truth.tolist(), self.label.tolist(), strict=True):
            if right >= 0 and answer >= 0:
                row = found.setdefault(self.labels[right], {})
                row[self.labels[answer]] = row.get(self.labels[answer], 0) + 1
        return found


def rounded(interval: Interval) -> Interval:
    """As reports hold it."""
    return round(interval[0], 4), round(interval[1], 4)


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return round(float(hits.mean()), 4) if len(hits) else 0.0
