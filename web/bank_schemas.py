"""The JSON of banks, their versions, corrections and tasks."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.bank.banks import MAX_NAME as MAX_BANK_NAME
from shared.bank.banks import MAX_NOTES as MAX_BANK_NOTES
from shared.bank.ranking_fit import Measured, Method
from shared.curation.drift import Drift
from shared.curation.reports import BeforeAfter
from shared.curation.task_model import Arguments, TaskProgress
from web.schemas import Note

Version = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
TaskId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,32}$")]
ClassName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
SampleId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


BankName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_BANK_NAME)]
BankNotes = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_BANK_NOTES)]


class BankChoice(BaseModel):
    #: A bank, by id or name; the default one where it is left out.
    bank: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_BANK_NAME)] | None = None


class BankEntry(BaseModel):
    """A bank; `counts` are those of its active version."""

    #: Never changes.
    id: str
    name: str
    notes: str
    #: Seconds since the epoch; 0 for the default bank.
    created: float
    #: New jobs cannot choose it.
    archived: bool
    #: The bank of jobs that choose none.
    default: bool
    #: The active version; null while the bank is empty.
    version: str | None
    counts: dict[str, int] | None


class BankList(BaseModel):
    banks: list[BankEntry]


class NewBank(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: BankName
    notes: BankNotes = ""
    #: The bank whose active version it begins with, by id or name; without it, it is empty.
    copy_of: BankName | None = None


class BankChange(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: BankName | None = None
    notes: BankNotes | None = None
    archived: bool | None = None


class VersionOut(BaseModel):
    """`counts` is empty for a damaged version."""

    version: str
    name: str
    created: float
    model: str
    counts: dict[str, int]
    current: bool
    damaged: bool
    #: When it was made active last, in seconds since the epoch, and by whom, where that is known.
    published: float | None = None
    published_by: str | None = None


class VersionList(BaseModel):
    """Newest first; `current` is active, `previous` is what a rollback brings back."""

    #: The id of the bank.
    bank: str
    current: str | None
    previous: str | None
    versions: list[VersionOut]


class CompareQuery(BankChoice):
    #: The active version where one is left out: of the other one's bank, or of `bank`.
    old: str | None = None
    new: str | None = None


class DriftQuery(BankChoice):
    #: The active version where it is left out.
    version: str | None = None
    days: int = Field(default=30, ge=1, le=366)


class DriftState(StrEnum):
    #: The version was not checked, or by an earlier version of Weft.
    UNCHECKED = "unchecked"
    #: Fewer than `needed` photos.
    FEW = "few"
    SAME = "same"
    LESS_SURE = "less_sure"
    SURER = "surer"


class DriftOut(BaseModel):
    """How certain the answers of the last days' jobs are beside those to the version's own photos."""

    version: str
    days: int
    state: DriftState
    #: Photos with a result, of jobs with this version and preset, and how many are needed.
    photos: int = 0
    needed: int
    preset: str = ""
    jobs: int = 0
    #: False: only the newest jobs of these days were read.
    complete: bool = True
    #: The comparison; null where there is none.
    drift: Drift | None = None


class DiffOut(BaseModel):
    """From version `old` to `new`: classes and samples that came and went, and what leave-one-out says of both."""

    old: str
    new: str
    same_model: bool
    classes: dict[str, list[str]]
    #: Classes that are new (`before` null) or named otherwise.
    names: list[dict[str, Any]]
    samples: dict[str, int]
    changed: list[dict[str, Any]]
    method: BeforeAfter[Method]
    measured: BeforeAfter[Measured | None]


class Proposal(BaseModel):
    """A corrected photo that the bank does not know yet."""

    job: str
    job_name: str
    index: int
    name: str
    sha256: str
    confidence: float | None
    #: The bank's own label where the corrected one means one of its classes.
    label: str
    new_class: bool
    #: The same photo was given several labels.
    disputed: bool
    predicted: str | None


class ProposalList(BaseModel):
    version: str
    proposals: list[Proposal]
    #: Corrections whose embeddings were made by another model.
    other_model: int


class DraftOut(BaseModel):
    """The changes that are collected: `version` has all of them (null: no draft), `versions` one each, oldest first."""

    version: str | None
    versions: list[str]
    #: The id of the bank.
    bank: str
    #: The version that the draft began with.
    base: str | None
    #: Another version was made active since; making the draft active would undo what that changed.
    behind: bool


class BankQuery(BankChoice):
    #: Of any bank; the bank's active one where it is left out.
    version: Version | None = None


class TaskOut(BaseModel):
    id: str
    kind: str
    arguments: Arguments
    started: float
    state: Literal["running", "done", "failed", "interrupted"]
    progress: TaskProgress | None
    result: dict[str, Any] | None
    error: Note | None
    #: Who asked, where that is known.
    by: str | None = None
