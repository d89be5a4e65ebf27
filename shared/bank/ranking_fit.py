"""How a bank version ranks: the manifest's `ranking`, chosen and calibrated when it is made. No numpy here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import ConfigDict, Field

from shared.core.documents import Document

#: Probability from which a kept risk is called a promise.
PROMISED = 0.9


@dataclass(frozen=True, slots=True)
class Method:
    """A fine method and its numbers; see `shared.ranking.methods` for what they do."""

    #: In documents, keys that only a later version knows are passed over: there is no place for them here.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="ignore")

    name: str
    k: int = 1
    centroid: float = 0.0
    beta: float = 0.0
    near: float = 0.0
    #: Shrinkage of the covariance (gda) or the penalty (ridge), in units of the mean eigenvalue.
    shrink: float = 0.0
    text: float = 0.0

    def with_text(self, weight: float) -> Method:
        return replace(self, text=weight)


class Curve(Document):
    """A piecewise linear curve through (x, y)."""

    x: list[float]
    y: list[float]


class ParentThreshold(Document):
    """From when on the answer is a class's parent where the class is unsure: only where the risk is promised."""

    #: Summed probability of the parent's classes (0…1) from which it is the answer.
    answer_from: float
    #: Share of the bank's own photos that get their parent instead of a class, and how many of them there are.
    coverage: float
    photos: int


class PresetCalibration(Document):
    """The numbers that turn one preset's scores into confidence and verdicts."""

    #: Of the softmax.
    temperature: float
    calibrated: bool
    queries: int = 0
    #: Share of wrong answers among those with a label that the thresholds allow.
    risk: float = 0.0
    #: How the threshold was chosen: `learn_then_test` (`shared.ranking.fitting.risk`); empty: without a test, as in
    #: versions made before there was one.
    risk_method: str = ""
    #: Probability with which `risk` is kept: 0.9 is a promise; 0.5: likely, no promise; 0: no answers.
    risk_certainty: float = 0.0
    #: Share of the bank's own photos, of classes that have others, that the threshold answers.
    risk_coverage: float = 0.0
    #: Photos that would do for the promise at the observed error; None: promised, or no number would do.
    risk_photos_needed: int | None = None
    #: From softmax probability to the share that is right, where that predicts better.
    isotonic: Curve | None = None
    #: Share of photos of left-out classes that `foreign_below` detects.
    foreign_found: float = 0.0
    #: Novelty score for `not_in_bank`: `nearest` (best cosine to a sample) or `score` (of the best class).
    foreign_by: str = "nearest"
    #: Below this the verdict is `not_in_bank`.
    foreign_below: float = float("-inf")
    #: Below this confidence the verdict is `unsure`; by label, where a class has a threshold of its own.
    unsure_below: float = 0.0
    unsure_below_by_class: dict[str, float] = Field(default_factory=dict)
    #: None where the bank names no parents, or too few photos were there to promise `risk` for them.
    parents: ParentThreshold | None = None


class RiskPromise(Document):
    """What a version says of its wrong answers, under one preset."""

    #: `kept`: at most `risk` of the answers are wrong, with probability `certainty`. `too_few`: there are too few
    #: photos to promise this. `unmeasured`: fewer than 20, so that every photo gets its best class. `never`: the most
    #: confident answers are wrong too often for any number of photos.
    #: `untested`: the version was made before thresholds were tested, or its vectors have no meaning.
    state: str
    risk: float
    certainty: float
    #: Distinct photos that the threshold was tested on, and those that would do at the observed error.
    photos: int
    photos_needed: int | None = None
    #: Share of those photos that is answered.
    coverage: float
    #: Share of them that gets the parent of its class, with the same promise; None where parents are no answers.
    parents: float | None = None
    #: Labels of classes with a stricter threshold, because their answers are wrong more often.
    stricter: list[str] = Field(default_factory=list)


class NameScale(Document):
    """The linear map from cosines to class names to the scale of fine scores."""

    slope: float = 1.0
    shift: float = 0.0


class Measured(Document):
    """Cross-fitted leave-one-out figures; shares are 0…1."""

    queries: int
    top1: float
    top5: float
    calibration_error: float
    #: Share of photos that can be answered where `risk` of the answers may be wrong.
    coverage_at_risk: float
    risk: float
    #: Share with verdict `label`, and the share of those that is wrong.
    answered: float
    wrong_of_answered: float
    #: Share with verdict `not_in_bank` when their whole class is left out.
    foreign_found: float
    #: Share that gets a class all the same, which is wrong then; between which values (low, high) it lies for photos of
    #: other left-out classes with 95 % certainty. Not in versions of earlier releases.
    false_accepts: float | None = None
    false_accepts_interval: tuple[float, float] | None = None


class CentroidRanking(Document):
    """Calibration where samples are not read: by preset, `*` for any other."""

    calibration: dict[str, PresetCalibration]
    names: NameScale = NameScale()


class RankingFit(Document):
    """How a version ranks: the fine method, and what was calibrated and measured on its own samples."""

    method: Method
    #: False: the default, because the bank is too small to choose.
    chosen: bool
    calibration: dict[str, PresetCalibration]
    #: Cosine from which two samples count as the same photo.
    same_above: float | None = None
    measured: Measured | None = None
    names: NameScale = NameScale()
    centroids: CentroidRanking | None = None

    def calibration_for(self, preset: str) -> PresetCalibration:
        """The preset's own, or else that of any other."""
        return self.calibration.get(preset) or self.calibration["*"]

    def promise_for(self, preset: str) -> RiskPromise:
        """What is promised of the preset's wrong answers."""
        fit = self.calibration_for(preset)
        state = "untested"
        if fit.risk_method:
            kept = fit.risk_certainty >= PROMISED
            state = "kept" if kept else "too_few" if fit.risk_photos_needed is not None else "never"
            state = state if fit.calibrated else "unmeasured"
        promise = RiskPromise(
            state=state,
            risk=fit.risk,
            certainty=fit.risk_certainty,
            photos=fit.queries,
            photos_needed=fit.risk_photos_needed,
            coverage=fit.risk_coverage,
        )
        more: dict[str, object] = {}
        if fit.parents is not None:
            more["parents"] = fit.parents.coverage
        if fit.risk_method and fit.unsure_below_by_class:
            more["stricter"] = sorted(fit.unsure_below_by_class)
        return promise.model_copy(update=more)
