"""The JSON that goes in and out, as pydantic models: validated on the way, and written into OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.jobs.model import JobState
from shared.jobs.result_filters import Filters
from shared.ranking.model import Verdict

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


def file_response(description: str, *kinds: str) -> dict[int | str, dict[str, str | dict[str, dict[str, Any]]]]:
    """For OpenAPI: an answer that is no JSON."""
    return {200: {"description": description, "content": {kind: {} for kind in kinds}}}


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable, `detail` is a sentence in the user's language."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    #: For `unknown_class`: classes that may have been meant.
    near: list[dict[str, str | None]] | None = None


class Note(BaseModel):
    code: str
    message: str


class JobOut(BaseModel):
    """Times in seconds since the epoch; `rate` in photos a second; `eta` in seconds."""

    id: str
    name: str
    kind: str
    state: JobState
    total: int
    ok: int
    failed: int
    duplicates: int
    cached: int
    rate: float | None
    eta: float | None
    preset: str
    model: str
    #: Engine that answered, once a worker has begun; `null` and `sleep` have no model behind their answers.
    engine: str | None = None
    bank: str
    created: float
    started: float | None
    finished: float | None
    path: str | None
    not_before: float | None
    #: `worker`, `model` or `folder` where a job that was started cannot move for want of it.
    waiting_for: str | None = None
    #: Why the job does not move, or what its end was.
    note: str | None
    #: `note` as a sentence in the user's language.
    message: str | None = None
    #: The ledger has let it go: it can be read, corrected, exported and deleted, not steered.
    archived: bool


class JobList(BaseModel):
    jobs: list[JobOut]
    #: Pass as `before` for the next page.
    next: float | None


class CandidateOut(BaseModel):
    label: str
    score: float
    sample: str | None


class ItemOut(BaseModel):
    index: int
    name: str
    sha256: str | None
    status: Literal["ok", "failed"]
    cached: bool
    verdict: Verdict | None
    label: str | None
    confidence: float | None
    margin: float | None
    candidates: list[CandidateOut]
    error: Note | None
    #: What a person said it is, beside the prediction.
    corrected: str | None = None


class ItemPage(BaseModel):
    items: list[ItemOut]
    next: str | None


class JobsQuery(BaseModel):
    limit: int = Field(50, ge=1, le=500)
    before: float | None = Field(None, allow_inf_nan=False)


class ItemFilters(BaseModel):
    """Which items: the same for a list, the page and an export."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["ok", "failed"] | None = None
    label: str | None = None
    verdict: Verdict | None = None
    code: str | None = None
    max_confidence: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    sort: Literal["index", "confidence"] = "index"

    @model_validator(mode="before")
    @classmethod
    def _empty_means_unset(cls, values: Any) -> Any:
        """A form sends its empty fields, too."""
        return {name: value for name, value in values.items() if value != ""} if isinstance(values, dict) else values

    @property
    def filters(self) -> Filters:
        """What narrows the choice, without order and paging."""
        return Filters(self.status, self.label, self.verdict, self.max_confidence, self.code)


class ItemsQuery(ItemFilters):
    cursor: str | None = None
    limit: int = Field(100, ge=1, le=1000)


class ExportQuery(ItemFilters):
    format: str = "csv"


class WaitQuery(BaseModel):
    #: Seconds to wait for the answer before a job is returned instead.
    wait: float = Field(10, ge=0, le=60, allow_inf_nan=False)


class JobWish(BaseModel):
    """What every kind of job may be asked with."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    preset: str | None = None
    #: The job starts no earlier: ISO 8601, or seconds since the epoch; at most a year from now.
    not_before: datetime | None = None


class UploadJob(JobWish):
    """The text fields of an upload."""


class FolderJob(JobWish):
    #: Absolute, or relative to an allowed root.
    path: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]


class Correction(BaseModel):
    model_config = ConfigDict(extra="forbid")

    #: The right class, by its label or any of its names; null takes a correction back.
    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | None
    #: The label is to become a class of its own where no class has this name.
    new_class: bool = False


class SampleOut(BaseModel):
    id: str
    name: str
    #: Address of its picture, where the bank has one.
    picture: str | None


class ClassOut(BaseModel):
    label: str
    zh: str | None = None
    en: str | None = None
    aliases: list[str] = []
    count: int
    samples: list[SampleOut] | None = None


class BankOut(BaseModel):
    """The bank in force; `warnings` as its curation left them."""

    version: str
    name: str
    created: float
    model: str
    #: False: seeded weights, nothing that this bank says can be trusted.
    trained: bool
    counts: dict[str, Any]
    warnings: list[dict[str, Any]]
    classes: list[ClassOut]


class WorkersOut(BaseModel):
    workers: list[dict[str, Any]]
    queue: dict[str, Any]
    stats: dict[str, Any]


class Health(BaseModel):
    status: Literal["ok"]
