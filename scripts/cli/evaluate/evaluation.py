"""The document of `weft evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from shared.bank.manifest import Skipped
from shared.bank.ranking_fit import Measured, RiskPromise
from shared.core.documents import Document
from shared.curation.drift import Drift
from shared.curation.reports import ClassFigures


class RiskPoint(Document):
    """A point of the risk–coverage curve: shares, 0…1."""

    coverage: float
    risk: float


class ReliabilityBin(Document):
    """Photos of similar confidence: their mean confidence, the share that is right, and their number."""

    confidence: float
    right: float
    count: int


class TopcFigures(Document):
    """What ranking with this `topc` gives: recall of the coarse stage, top-1, top-5, and milliseconds a photo."""

    topc: int
    coarse_recall: float
    top1: float
    top5: float
    ms_a_photo: float


class Intervals(Document):
    """Between which values (low, high) shares lie with probability `level`, by `shared.ranking.fitting.bootstrap`."""

    level: float
    #: Groups of near-duplicate photos: what was resampled.
    groups: int
    top1: tuple[float, float]
    top5: tuple[float, float]
    answered: tuple[float, float]
    wrong_of_answered: tuple[float, float]
    #: Label → top-1 of the class's photos.
    per_class: dict[str, tuple[float, float]]


class Figures(Document):
    """How well photos were ranked."""

    queries: int
    top1: float
    top5: float
    per_class: dict[str, ClassFigures]
    #: True class → answer → how often; zeros are left out.
    confusion: dict[str, dict[str, int]]
    #: Share with verdict `label`, and the share of those that is wrong.
    answered: float
    wrong_of_answered: float
    intervals: Intervals
    calibration_error: float
    #: Risk → share of photos that can be answered.
    coverage_at: dict[str, float]
    risk_coverage: list[RiskPoint]
    reliability: list[ReliabilityBin]


class LearningPoint(Document):
    """Leave-one-out in a smaller bank, with `samples` of each class beside the photo that is asked."""

    samples: int
    top1: float
    interval: tuple[float, float]
    #: Photos that were asked, some of them several times.
    photos: int


class NeededClass(Document):
    """A class where more photos would help; as in `shared.ranking.fitting.learning.Need`."""

    label: Annotated[str, Field(alias="class")]
    asked: int
    wrong: int
    gain: float
    sure: float


class MorePhotos(Document):
    """What `photos` more of each class would bring: a rise of the mean top-1 of all classes, extrapolated."""

    photos: int
    classes: list[NeededClass]
    gain: float
    interval: tuple[float, float]


class Learning(Document):
    """What more photos bring."""

    #: Classes that were asked at every point.
    classes: int
    points: list[LearningPoint]
    #: None where nothing was wrong, or classes are too small to tell.
    more: MorePhotos | None


class Paired(Document):
    """Another version on the photos that both have: shares, 0…1."""

    bank: str
    model: str
    photos: int
    top1_first: float
    top1_second: float
    #: Second - first, and its interval by `shared.ranking.fitting.bootstrap`.
    difference: float
    interval: tuple[float, float]
    only_first_right: int
    only_second_right: int


class ParentFigures(Document):
    """Photos whose class is unsure and whose parent is the answer: their share, and the share of wrong ones."""

    answered: float
    wrong_of_answered: float


def _outside(found: Measured) -> dict[str, Any]:
    """What becomes of photos whose class is left out."""
    return {
        "not_in_bank": found.foreign_found,
        "false_accepts": found.false_accepts,
        "interval": found.false_accepts_interval,
    }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of a bank, on its own photos or on a labelled folder."""

    bank: str
    model: str
    preset: str
    #: The folder, or `leave-one-out`.
    on: str | None
    #: Names of the methods that ranked.
    methods: list[str]
    figures: Figures
    #: Empty for a folder.
    sweep: list[TopcFigures]
    #: None for a folder, and where most classes have fewer than two photos.
    learning: Learning | None
    #: The version that it was compared with.
    compared: Paired | None
    #: Photos of the folder that could not be read, and its classes that the bank does not have.
    skipped: list[Skipped]
    unknown_classes: list[str]
    #: What the version promises of its wrong answers.
    promise: RiskPromise
    #: Leave-one-out figures of the version's own photos, those of left-out classes among them; None for a folder.
    measured: Measured | None = None
    #: Photos that got the parent of a class instead of a class; None where the bank names no parents.
    parents: ParentFigures | None = None
    #: Jobs of the last days beside it, where that was asked.
    drift: Drift | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "bank": self.bank,
            "model": self.model,
            "preset": self.preset,
            "on": self.on,
            "methods": self.methods,
            **self.figures.to_json(),
            "sweep": [row.to_json() for row in self.sweep],
            "learning": None if self.learning is None else self.learning.to_json(),
            "compared": None if self.compared is None else self.compared.to_json(),
            "skipped": [photo.to_json() for photo in self.skipped],
            "unknown_classes": self.unknown_classes,
            "promise": self.promise.to_json(),
            "outside": None if self.measured is None else _outside(self.measured),
            "drift": None if self.drift is None else self.drift.to_json(),
            "parents": None if self.parents is None else self.parents.to_json(),
        }
