"""The JSON that goes in and out, as pydantic models: validated on the way, and written into OpenAPI."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model, field_validator, model_validator

from shared.bank.manifest import DEFAULT_BANK
from shared.bank.photo_gate import Code
from shared.core.window import MAX_TEXT
from shared.jobs.fields import PUBLIC, Status
from shared.jobs.model import JobState, Priority
from shared.jobs.photo_fields import Note as Note
from shared.jobs.result_filters import Filters, Sort, indexes_of
from shared.jobs.splitting import Split
from shared.ranking.model import Verdict

_RUNS = r"^\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Hours = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT)]


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
    #: What the caller can do now.
    next: str
    #: For `unknown_class`: classes that may have been meant.
    near: list[dict[str, str | None]] | None = None


class JobOut(BaseModel):
    """Times in seconds since the epoch; `rate` in photos per second; `eta` in seconds."""

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
    #: The expected end, and between which two times it lies in 9 of 10 cases; null where nothing honest can be said:
    #: the folder is still being listed, no worker, too little done.
    done_at: float | None = None
    done_between: tuple[float, float] | None = None
    #: The expected end if there were one more worker, as fast as these are on average.
    with_another_worker: float | None = None
    preset: str
    model: str
    #: Engine that answered, once a worker has begun; `null` and `sleep` have no model behind their answers.
    engine: str | None = None
    #: Of the vectors: `f32`, `bf16`, `int8`…; joined by ` + ` where workers of several precisions shared the job.
    precision: str | None = None
    #: The version of the bank that it uses, and the id of the bank.
    bank: str
    bank_id: str = DEFAULT_BANK
    created: float
    started: float | None
    finished: float | None
    path: str | None
    not_before: float | None
    #: `worker`, `model`, `folder`, `bank`, `storage` or `trouble` (of the workers) where a job that was started cannot
    #: move for want of it.
    waiting_for: str | None = None
    #: Of a queued job: its place in the line for the next worker, 1 for the next; and as a sentence.
    place: int | None = None
    place_message: str | None = None
    #: Why the job does not move, or what its end was.
    note: str | None
    #: `note` as a sentence in the user's language.
    message: str | None = None
    #: Files that are no photos: ending, `system`, `no_ending`, `unreadable_folder` or `others` → number left out.
    left_out: dict[str, int] = Field(default_factory=dict)
    #: `left_out` as a sentence in the user's language, without the files of operating systems.
    left_out_message: str | None = None
    #: Released from the ledger: it can be read, corrected, exported and deleted, but not steered.
    archived: bool
    #: Who submitted it; null where no key was needed, and on the command line.
    owner: str | None = None
    #: Of the next chunks, jobs of `high` priority get most, and those of `low` priority what the others leave.
    priority: Priority = Priority.NORMAL
    #: The job whose photos it classifies again.
    repeats: str | None = None
    #: The hours in which it works, e.g. `20:00-07:00 mon-fri Asia/Shanghai`; null: always. And as a sentence.
    window: str | None = None
    hours_message: str | None = None
    #: Of a job in the state `off_hours`: when its hours begin.
    opens_at: float | None = None
    #: When it should be done; whether it will not be, as far as can be told, or was not, and that as a sentence.
    deadline: float | None = None
    late: bool = False
    late_message: str | None = None
    #: It was moved to the front: of its priority, the job that was moved last has all turns until it is done.
    first: bool = False
    #: Of a late job: with how many workers, as fast as these, it would be done in time; null where no number helps.
    workers_needed: int | None = None
    #: Id of the collection that it is a run of.
    collection: str | None = None
    #: `swatches`: every swatch of a photo of a swatch card is an item; null: every photo is one.
    split: Split | None = None


class JobList(BaseModel):
    jobs: list[JobOut]
    #: Pass as `before` for the next page.
    next: float | None


def _result_schema() -> dict[str, Any]:
    """The fields of a result; those that are not stored with every one may be missing."""
    return {f.name: (f.json, ... if f.stored else None) for f in PUBLIC}


#: Made from the table of fields, so that OpenAPI shows what is declared there.
ItemOut = create_model("ItemOut", **_result_schema())
_Items: Any = list[ItemOut]
ItemPage = create_model("ItemPage", items=(_Items, ...), next=(str | None, ...))


class JobsQuery(BaseModel):
    limit: int = Field(50, ge=1, le=500)
    before: float | None = Field(None, allow_inf_nan=False)
    #: Only the jobs of this owner.
    owner: Annotated[str, StringConstraints(max_length=200)] | None = None
    #: Only one's own jobs; without keys, everybody's.
    mine: bool = False
    #: Words that are part of a job's name, folder or owner.
    search: Annotated[str, StringConstraints(max_length=200)] = ""
    #: Only archived jobs, or only the others.
    archived: bool | None = None
    #: Only jobs of this bank, by id or name.
    bank: Annotated[str, StringConstraints(max_length=100)] | None = None


class ItemFilters(BaseModel):
    """Which items: the same for a list, the page and an export."""

    model_config = ConfigDict(extra="ignore")

    status: Status | None = None
    label: str | None = None
    verdict: Verdict | None = None
    code: str | None = None
    min_confidence: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    max_confidence: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    #: What people said; `reviewed` is every state but `todo`.
    review: Literal["todo", "confirmed", "corrected", "rejected", "reviewed"] | None = None
    #: Part of the file's name.
    search: Annotated[str, StringConstraints(max_length=200)] | None = None
    camera: Annotated[str, StringConstraints(max_length=200)] | None = None
    #: English name of one of the dominant colours.
    colour: Annotated[str, StringConstraints(max_length=50)] | None = None
    #: Beginning of the time the photo was taken, e.g. `2026-11`.
    taken: Annotated[str, StringConstraints(max_length=30)] | None = None
    #: Name of the colour profile.
    profile: Annotated[str, StringConstraints(max_length=200)] | None = None
    #: Only photos that should be taken again, for this reason (docs/bank.md); `any`: for whatever reason.
    quality: Literal["any"] | Code | None = None
    #: Positions in the job, as runs: `0-99,120`.
    items: Annotated[str, StringConstraints(max_length=450_000, pattern=_RUNS)] | None = None
    #: Position of a photo: only the photos that look most like it; sorted by that with `sort=similar`.
    like: int | None = Field(None, ge=0, le=2**32 - 1)
    sort: Sort = "index"

    @model_validator(mode="after")
    def _similar_to_something(self) -> Self:
        if self.sort == "similar" and self.like is None:
            raise ValueError("sort=similar needs like")
        return self

    @model_validator(mode="before")
    @classmethod
    def _empty_means_unset(cls, values: Any) -> Any:
        """A form sends its empty fields, too."""
        return {name: value for name, value in values.items() if value != ""} if isinstance(values, dict) else values

    @field_validator("items")
    @classmethod
    def _items_can_be_counted(cls, runs: str | None) -> str | None:
        """Raises InvalidRequest before anything is sent."""
        if runs:
            indexes_of(runs)
        return runs

    @property
    def filters(self) -> Filters:
        """What narrows the choice, without order and paging."""
        return Filters(**{f.name: getattr(self, f.name) for f in fields(Filters)})


class ItemsQuery(ItemFilters):
    cursor: str | None = None
    limit: int = Field(100, ge=1, le=1000)


class ExportQuery(ItemFilters):
    #: `csv`, `xlsx`, `jsonl`, `parquet` (docs/exports.md); for other programs `coco`, `fiftyone`, `label-studio`; or
    #: `folders`: a zip of the photos, one folder per class.
    format: str = "csv"
    #: `words`: headings, class names and values of CSV and XLSX in the user's language.
    headings: Literal["names", "words"] = "names"
    #: XLSX only: show the first 2,000 photos.
    pictures: bool = False


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
    #: As in the job; a small upload of low priority does not go before others.
    priority: Priority = Priority.NORMAL
    #: The bank, by id or name; or a version of one.
    bank: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = None
    #: The hours in which the job works, `HH:MM-HH:MM`; behind them days and a time zone where they are wished:
    #: `20:00-07:00 mon-fri Asia/Shanghai`. Outside them it waits.
    window: Hours | None = None
    #: When the job should be done, as `not_before`: where it will be late, that is told.
    deadline: datetime | None = None


class NewJob(JobWish):
    """Of photos that no job has had yet."""

    #: `swatches`: photos of swatch cards are cut, and every swatch is a photo of its own.
    split: Split | None = None


class UploadJob(NewJob):
    """The text fields of an upload."""


class FolderJob(NewJob):
    #: Absolute, or relative to an allowed root.
    path: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]


class PictureQuery(BaseModel):
    #: As large as it is to be had, to see the cloth.
    large: bool = False


class SampleOut(BaseModel):
    id: str
    name: str
    #: Address of its picture, where the bank has one.
    picture: str | None


class ClassParentOut(BaseModel):
    label: str
    zh: str
    en: str


class ClassOut(BaseModel):
    label: str
    zh: str | None = None
    en: str | None = None
    aliases: list[str] = []
    #: What people should know of it.
    notes: str = ""
    #: Label and names of its group of classes, where it has one.
    parent: ClassParentOut | None = None
    count: int
    samples: list[SampleOut] | None = None


class BankOut(BaseModel):
    """A version of a bank; `warnings` as its curation left them."""

    #: The id of the bank, and what it is called.
    bank: str
    bank_name: str
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
    #: What is kept: `bytes` by kind, and when (`at`) the dispatcher measured it; null before the first time.
    disk: dict[str, Any] | None = None


class Health(BaseModel):
    status: Literal["ok"]
