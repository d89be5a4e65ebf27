"""What checking and cleaning banks find, as files and the API hold it. No numpy here."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from shared.bank.manifest import Counts, Finding, Skipped
from shared.bank.ranking_fit import Measured, Method, RiskPromise
from shared.core.documents import Document
from shared.core.encoder_info import COLOUR
from shared.core.i18n import N_
from shared.curation.drift import Certainty
from shared.ranking.model import DENSE_ROWS

T = TypeVar("T")


def advice(vectors: int) -> str:
    """How photos are compared with so many samples of a bank, in a sentence; pages translate it."""
    if vectors <= DENSE_ROWS:
        return N_("Every photo is compared with every sample.")
    return N_("Every photo is compared with all samples of the most similar classes.")


class BeforeAfter(Document, Generic[T]):
    """The same of an older and of a newer version."""

    before: T
    after: T


# check


class Shares(Document):
    """Shares of queries, 0…1."""

    top1: float
    top5: float


class ClassFigures(Document):
    """Leave-one-out figures of one class's queries."""

    queries: int
    top1: float
    top5: float


class AllRows(Document):
    """The plain rule asked every sample; `in_several_classes` of them cannot be right in all."""

    queries: int
    top1: float
    top5: float
    in_several_classes: int


class LeaveOneOutFigures(Document):
    """Figures on the photos that sit in one class: ranking chosen, calibrated and judged on different photos.

    The bank is `nested` or not as in `cross_fit`. From `calibration_error` to `foreign_found` as in `Measured`; a bank
    too small to choose a method has none of them.
    """

    queries: int
    #: Queries that have another photo in their class.
    with_classmate: int
    top1: float
    top5: float
    calibration_error: float | None = None
    coverage_at_risk: float | None = None
    risk: float | None = None
    answered: float | None = None
    wrong_of_answered: float | None = None
    foreign_found: float | None = None
    false_accepts: float | None = None
    false_accepts_interval: tuple[float, float] | None = None
    nested: bool
    #: Names of the methods that the folds chose.
    methods: list[str]
    #: Between which values top-1 lies for other photos of these classes, with 95 % certainty; None in older reports.
    top1_interval: tuple[float, float] | None = None
    per_class: dict[str, ClassFigures]
    #: None in reports of earlier versions, and for a bank too small to choose a method.
    certainty: Certainty | None = None
    #: The rule without choice or calibration on the same queries.
    plain: Shares
    all_rows: AllRows


class SampleSizes(Document):
    """Samples a class."""

    least: int
    median: float
    most: int
    #: Fewest and most that a class should have, and the classes that have fewer.
    aim: list[int]
    below_aim: int
    #: Preset → classes that it does not rank by their samples.
    unranked: dict[str, int]


class DuplicateGroup(Document):
    """Samples of one photo."""

    #: Ids.
    samples: list[str]
    classes: list[str]
    #: The same to the last bit.
    exact: bool


class Duplicates(Document):
    #: Samples beyond the first of their photo and class.
    within: int
    #: Samples of photos in several classes, and those photos.
    across: int
    photos_across: int
    #: Groups that are the same to the last bit.
    exact: int
    #: Photos skipped when the version was made.
    taken_once: int
    groups: list[DuplicateGroup]


class Suspect(Document):
    """A sample that looks filed wrongly; `margin` is how much likelier the other class is."""

    sample: str
    label: Annotated[str, Field(alias="class")]
    looks_like: str
    margin: float


class ConfusablePair(Document):
    """Two classes that are taken for each other in `confused` of `of` queries."""

    classes: list[str]
    confused: int
    of: int


class ViewGain(Document):
    """What a set of views (`shared.encoder.views`) brings. Shares 0…1."""

    #: As in WEFT_VIEWS.
    views: str
    photos: int
    #: By the nearest sample, leave-one-out; the difference to one view, and its interval with 95 % certainty.
    top1: float
    gain: float
    interval: tuple[float, float]
    #: How many times as long encoding takes.
    cost: int


class CheckReport(Document):
    """What `weft bank check` finds in a version."""

    schema_version: Annotated[int, Field(alias="schema")]
    version: str
    name: str
    model: str
    #: False: the vectors are derived from hashes.
    trained: bool
    #: The preset whose answers are judged.
    preset: str
    classes: int
    vectors: int
    dimensions: int
    #: On disk (float16), and in a worker's memory (float32).
    bytes: int
    memory_bytes: int
    advice: str
    #: The kind of index that a worker uses: `exact flat pq`.
    index: str
    samples_per_class: SampleSizes
    duplicates: Duplicates
    method: Method
    #: None where the vectors have no meaning.
    leave_one_out: LeaveOneOutFigures | None
    suspects: list[Suspect]
    confusable: list[ConfusablePair]
    warnings: list[Finding]
    #: `Manifest.colour`.
    colour: int = 1
    #: What the version promises of its wrong answers; None in reports of earlier versions and without meaning.
    promise: RiskPromise | None = None
    #: Whether the version was active then.
    current: bool = False
    #: What several views of each photo would bring; empty unless that was asked.
    views: list[ViewGain] = Field(default_factory=list)

    @property
    def colours_converted(self) -> bool:
        """Whether all its photos were converted to sRGB before they were encoded, as photos of jobs are."""
        return self.colour >= COLOUR


# clean


class SampleAside(Document):
    """A sample that cleaning sets aside."""

    id: str
    label: Annotated[str, Field(alias="class")]
    name: str
    #: `across` (filed under several `classes`), `duplicate` (of the sample `of`), `blurred dark overexposed tiny`,
    #: `surplus`.
    reason: str
    classes: list[str] = Field(default_factory=list)
    of: str = ""


class ClassChange(Document):
    """Samples of a class."""

    label: Annotated[str, Field(alias="class")]
    before: int
    after: int


class CleaningPlan(Document):
    """What cleaning a version would set aside."""

    version: str
    #: Samples per class at most.
    keep: int
    aside: list[SampleAside]
    #: Reason → samples.
    reasons: dict[str, int]
    classes: list[ClassChange]
    #: Labels of the classes that would have no sample left.
    classes_lost: list[str]
    samples: BeforeAfter[int]
    #: Asks the same photos before and after.
    leave_one_out: BeforeAfter[LeaveOneOutFigures | None]


class MadeVersion(Document):
    """A version that was made of another one, and whether it was published."""

    version: str
    published: bool
    counts: Counts
    measured: Annotated[
        BeforeAfter[LeaveOneOutFigures | None] | BeforeAfter[Measured | None], Field(union_mode="left_to_right")
    ]
    #: Photos that could not be used.
    skipped: list[Skipped] = Field(default_factory=list)
    #: It is the draft now.
    drafted: bool = False
