"""The JSON of collections and their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.collections.collection import MAX_FOLDERS, MAX_PATTERN, MAX_PATTERNS, Rules
from shared.collections.runs import RunState
from shared.collections.schedule import MAX_CRON, Schedule
from shared.collections.store import MAX_NAME, Wish
from shared.jobs.model import Priority
from shared.jobs.splitting import Split
from web.schemas import Hours, ItemOut

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]
Folder = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]
Pattern = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PATTERN)]
Ending = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]


class RulesIn(BaseModel):
    """Which files below the folders count; what is left out has its default."""

    model_config = ConfigDict(extra="forbid")

    #: Only files that one of these fits; empty: all. A pattern without `/` fits the name of a file or of a folder above
    #: it, one with `/` the path below the collection's folder; `*` and `?` as in a shell, case ignored.
    include: list[Pattern] = Field(default_factory=list, max_length=MAX_PATTERNS)
    exclude: list[Pattern] = Field(default_factory=list, max_length=MAX_PATTERNS)
    #: Levels of folders below each folder; 0: only the folder itself; null: all.
    depth: int | None = Field(None, ge=0, le=1000)
    #: Also files and folders whose names begin with a dot.
    hidden: bool = False
    #: Also what links to folders lead to, inside the allowed folders.
    links: bool = False
    #: Only these endings, without a dot; empty: every kind of photo.
    formats: list[Ending] = Field(default_factory=list, max_length=MAX_PATTERNS)
    #: The folder that a photo lies in names its true class.
    truth: bool = False
    #: `swatches`: photos of swatch cards are cut, and every swatch is a photo of its own.
    split: Split | None = None


class ScheduleIn(BaseModel):
    """A run every day, or on some days of the week, at this time; or whenever a cron expression says."""

    model_config = ConfigDict(extra="forbid")

    #: HH:MM.
    at: Annotated[str, StringConstraints(strip_whitespace=True, max_length=10)] = ""
    #: None: every day.
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(default_factory=list, max_length=7)
    #: An IANA name such as `Asia/Shanghai`; empty: the server's own.
    zone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)] = ""
    #: In place of `at` and `days`, five fields as cron has them: `30 22 * * mon-fri`.
    cron: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_CRON)] = ""


class CollectionChange(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    #: Folders of the server below one allowed folder.
    folders: list[Folder] | None = Field(None, min_length=1, max_length=MAX_FOLDERS)
    rules: RulesIn | None = None
    #: Empty: the default of folder jobs.
    preset: Short | None = None
    #: By id or name; empty: the default bank. Each run uses its active version.
    bank: Short | None = None
    priority: Priority | None = None
    #: null takes the schedule away.
    schedule: ScheduleIn | None = None
    #: The hours in which its jobs work, as of a job; empty: always.
    window: Hours | None = None
    #: The time of day by which a run should be done: `07:00` or `07:00 Asia/Shanghai`; empty: none.
    by: Short | None = None
    #: A run begins by itself when photos have arrived and nothing more has come for a minute.
    watch: bool | None = None

    @property
    def wish(self) -> Wish:
        """For `Collections`."""
        schedule = None
        if "schedule" in self.model_fields_set:
            said = self.schedule or ScheduleIn()
            schedule = Schedule(at=said.at, days=tuple(said.days), zone=said.zone, cron=said.cron)
        return Wish(
            name=self.name,
            folders=None if self.folders is None else tuple(self.folders),
            rules=None if self.rules is None else Rules.model_validate(self.rules.model_dump()),
            preset=self.preset,
            bank=self.bank,
            priority=self.priority,
            schedule=schedule,
            window=self.window,
            by=self.by,
            watch=self.watch,
        )


class NewCollection(CollectionChange):
    """A collection; without a name, it gets that of its first folder."""

    folders: list[Folder] = Field(min_length=1, max_length=MAX_FOLDERS)


class RunWish(BaseModel):
    """How a run is done; usually over what is new or changed."""

    model_config = ConfigDict(extra="forbid")

    #: All photos, not only new and changed ones.
    all: bool = False
    #: Only files that were changed at this time or later.
    since: datetime | None = None
    #: Only look: counts, and how long it may take.
    dry_run: bool = False


class RunOut(BaseModel):
    """Times in seconds since the epoch. `counts`: files each, those that are 0 may be missing."""

    id: str
    state: RunState
    asked: float
    by_schedule: bool
    #: It began by itself, because photos had arrived.
    by_watch: bool
    owner: str | None
    all: bool
    since: float | None
    dry_run: bool
    began: float | None
    ended: float | None
    #: The job of its photos; null while there is none, or where there is nothing to classify.
    job: str | None
    counts: dict[str, int]
    #: Folders that could not be read, the first ones.
    unreadable: list[str]
    #: How long it may take at the rate of an earlier run, where one tells.
    seconds: float | None
    #: Why it was refused.
    code: str | None
    #: What it found, or why it was refused, in the user's language.
    message: str


class CollectionOut(BaseModel):
    """A collection; `files` counts those that are `present` and those that are `gone`."""

    id: str
    name: str
    folders: list[str]
    rules: RulesIn
    preset: str | None
    bank: str | None
    priority: Priority
    schedule: ScheduleIn | None
    window: str | None
    by: str | None
    watch: bool
    created: float
    owner: str | None
    files: dict[str, int]
    next_run: float | None
    #: Of a watched collection: whether its file system tells of changes, or its folders are looked at again and again;
    #: null: not watched yet.
    watching: Literal["events", "polling"] | None
    #: Why a watched collection can begin no run now, in words.
    waits: str | None
    last_run: RunOut | None


class CollectionList(BaseModel):
    collections: list[CollectionOut]


class RunList(BaseModel):
    """Newest first."""

    runs: list[RunOut]


class RunsQuery(BaseModel):
    limit: int = Field(20, ge=1, le=500)


class FilesQuery(BaseModel):
    state: Literal["present", "gone"] = "present"
    limit: int = Field(100, ge=1, le=1000)
    #: `next` of the page before.
    cursor: Annotated[str, StringConstraints(max_length=8192)] = ""


class FileOut(BaseModel):
    """A file and its latest result, which is null until it is classified and where its job was deleted."""

    path: str
    state: Literal["present", "gone"]
    size: int
    changed: float
    first_seen: float
    gone: float | None
    sha256: str | None
    #: The job that has the result, and the photo's index there.
    job: str | None
    index: int
    #: Its true class, where the collection's folders name it.
    truth: str | None
    result: ItemOut | None


class FileList(BaseModel):
    files: list[FileOut]
    next: str | None


class CollectionExportQuery(BaseModel):
    #: `csv`, `xlsx`, `jsonl` or `parquet`.
    format: str = "csv"
    #: `words`: headings and values of CSV and XLSX in the user's language.
    headings: Literal["names", "words"] = "names"
