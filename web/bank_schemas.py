"""The JSON of bank versions, corrections and bank work."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from web.schemas import Note

Version = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
TaskId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,32}$")]
SampleId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class VersionOut(BaseModel):
    """`counts` is empty for a damaged version."""

    version: str
    name: str
    created: float
    model: str
    counts: dict[str, Any]
    current: bool
    damaged: bool


class VersionList(BaseModel):
    """Newest first; `current` is in force, `previous` is what a rollback brings back."""

    current: str | None
    previous: str | None
    versions: list[VersionOut]


class CompareQuery(BaseModel):
    #: The version in force where it is left out.
    old: str | None = None
    new: str | None = None


class DiffOut(BaseModel):
    """From version `old` to `new`: classes and samples that came and went, and what leave-one-out says of both."""

    old: str
    new: str
    same_model: bool
    classes: dict[str, list[str]]
    samples: dict[str, int]
    changed: list[dict[str, Any]]
    method: dict[str, Any]
    measured: dict[str, Any]


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
    """What every kind of work is asked with; a task that writes starts from the version in force."""

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
    #: Samples a class at the most.
    keep: int = Field(8, ge=2, le=1000)


class Apply(Work):
    kind: Literal["apply"]
    #: The finished `clean` task.
    plan: TaskId
    publish: bool = False


class Curate(Work):
    kind: Literal["curate"]
    #: Samples to set aside, and samples to put back.
    aside: list[SampleId] = []
    back: list[SampleId] = []
    publish: bool = False


class Chosen(BaseModel):
    model_config = ConfigDict(extra="forbid")

    job: Annotated[str, StringConstraints(max_length=64)]
    index: int = Field(ge=0, le=4294967295)


class Add(Work):
    """Makes a version with these corrected photos as samples."""

    kind: Literal["add"]
    items: list[Chosen] = Field(min_length=1, max_length=10_000)
    publish: bool = False


class Asked(RootModel[Annotated[Check | Preview | Clean | Apply | Curate | Add, Field(discriminator="kind")]]):
    """Bank work to start, told apart by `kind`."""


class TaskOut(BaseModel):
    id: str
    kind: str
    arguments: dict[str, Any]
    started: float
    state: Literal["running", "done", "failed", "interrupted"]
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    error: Note | None
