"""The JSON of bank versions, corrections and bank work."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, StringConstraints

from shared.bank.banks import MAX_NAME as MAX_BANK_NAME
from shared.bank.banks import MAX_NOTES as MAX_BANK_NOTES
from shared.bank.ranking_fit import Measured, Method
from shared.curation.edits import MAX_NAME, MAX_NOTES, ClassWish
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


class Work(BaseModel):
    """What every kind of work is asked with; a task that writes starts from the active version."""

    model_config = ConfigDict(extra="forbid")


class Check(Work):
    kind: Literal["check"]
    version: Version | None = None


class Preview(Work):
    kind: Literal["preview"]
    version: Version


class Clean(Work):
    """A dry run; `apply` makes a version of what it shows."""

    kind: Literal["clean"]
    #: Samples per class at most.
    keep: int = Field(8, ge=2, le=1000)
    #: Of the draft, where there is one.
    draft: bool = False


class Apply(Work):
    kind: Literal["apply"]
    #: The finished `clean` task.
    plan: TaskId
    publish: bool = False
    #: What is made joins the draft.
    draft: bool = False


class Curate(Work):
    kind: Literal["curate"]
    #: Samples to set aside, and samples to put back.
    aside: list[SampleId] = []
    back: list[SampleId] = []
    publish: bool = False
    #: Start from the draft, where there is one, and join it.
    draft: bool = False


class Chosen(BaseModel):
    model_config = ConfigDict(extra="forbid")

    job: Annotated[str, StringConstraints(max_length=64)]
    index: int = Field(ge=0, le=4294967295)


class Add(Work):
    """Makes a version with these corrected photos as samples."""

    kind: Literal["add"]
    items: list[Chosen] = Field(min_length=1, max_length=10_000)
    publish: bool = False
    #: Start from the draft, where there is one, and join it.
    draft: bool = False


def _split(given: Any) -> Any:
    """A form sends all aliases in one field."""
    return (
        [part.strip() for part in re.split(r"[\n,;，、；]", given) if part.strip()] if isinstance(given, str) else given
    )


class Names(Work):
    """Names of a class; what is left out stays as it is."""

    zh: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME)] | None = None
    en: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME)] | None = None
    aliases: Annotated[list[Annotated[str, StringConstraints(max_length=MAX_NAME)]] | None, BeforeValidator(_split)] = (
        None
    )
    notes: Annotated[str, StringConstraints(max_length=MAX_NOTES)] | None = None

    @property
    def wish(self) -> ClassWish:
        return ClassWish(zh=self.zh, en=self.en, aliases=self.aliases, notes=self.notes)


class NameClass(Names):
    """Makes a class, or with `label` (any of its names) names one again. Joins the draft, as the kinds below do."""

    kind: Literal["class"]
    label: ClassName | None = None


class Merge(Work):
    """All samples of `label` go to `into`, which takes its names as aliases."""

    kind: Literal["merge"]
    label: ClassName
    into: ClassName


class Move(Names):
    """Samples go to the class `to`; without it, to a new class of these names."""

    kind: Literal["move"]
    samples: list[SampleId] = Field(min_length=1, max_length=10_000)
    to: ClassName | None = None


class Remove(Work):
    """The class goes; its samples are excluded and can be restored."""

    kind: Literal["remove"]
    label: ClassName


class PhotosForm(Names):
    """The text fields of photos for a class: `label` is one that exists; without it, a new class has these names."""

    label: ClassName | None = None


class BuildForm(Work):
    """The text fields of a new bank."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""


class ImportForm(BuildForm):
    #: The model that made the vectors, as in WEFT_MODEL; the active one where it is left out.
    model: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] | None = None


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


Editing = NameClass | Merge | Move | Remove


class Asked(
    RootModel[
        Annotated[
            Check | Preview | Clean | Apply | Curate | Add | NameClass | Merge | Move | Remove,
            Field(discriminator="kind"),
        ]
    ]
):
    """Bank work to start, told apart by `kind`."""


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
