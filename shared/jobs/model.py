"""Jobs, their photos and outcomes, as plain data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.bank.manifest import DEFAULT_BANK
from shared.core.engine_names import HASH_ENGINES
from shared.core.window import Window, known, opens
from shared.jobs.estimate import Estimate
from shared.jobs.splitting import Cutout, Split
from shared.jobs.states import RULES, VERBS, StateRule, offered
from shared.jobs.states import JobState as JobState
from shared.photos.box import Box
from shared.ranking.model import Ranking


class Lane(StrEnum):
    """Which line a job's chunks stand in; a worker serves `INTERACTIVE` first, and both share its micro-batches."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class Priority(StrEnum):
    """Which of the moving jobs of a lane get the next chunks: see `lua/common.lua` for the shares."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Item:
    """One photo of a job: a reference to its bytes, never the bytes.

    Either `sha256` names a stored blob (uploads), or `path` names a file in an allowed folder (folder jobs), which the
    worker that reads it hashes.
    """

    index: int
    #: As the user knows it: the upload's file name, the path inside the zip, or the path relative to the folder.
    name: str
    sha256: str | None = None
    path: str | None = None
    #: Bytes; 0 where unknown.
    size: int = 0
    #: Seconds since the epoch, folder items only.
    mtime: float = 0.0
    #: Raised by every retry; a commit for an older generation does not count.
    generation: int = 0
    #: Where it lies, of a swatch that was cut out of a card.
    part: Cutout | None = None

    @property
    def box(self) -> Box | None:
        """Of a swatch that has no file of its own, what of its card's photo it is: `path` is then the card, and the
        stored blob is `part.whole`. None: the whole file."""
        if self.part is None or (self.path is None and self.sha256 != self.part.identity):
            return None
        return Box(*self.part.box)


@dataclass(frozen=True, slots=True)
class Sent:
    """One stored file of a submission with archives, which is taken apart after the job was accepted."""

    name: str
    sha256: str
    size: int
    #: Its members are the photos.
    is_archive: bool


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item's outcome: a ranking, or a failure with a stable code."""

    index: int
    name: str
    generation: int = 0
    sha256: str | None = None
    cached: bool = False
    ranking: Ranking | None = None
    error_code: str | None = None
    #: Values for the code's sentence, e.g. {"pixels": 200000000}.
    error_detail: dict[str, Any] = field(default_factory=dict)
    #: Values of the fields in `fields.EXTRA`, by `Field.key`.
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.error_code is None

    @property
    def status(self) -> str:
        return "ok" if self.ok else "failed"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a user asks for; everything but the items."""

    name: str
    preset: str
    lane: Lane
    #: `upload`, `folder` or `classify` (a single photo, kept for a day, not listed).
    kind: str
    #: The bank version and encoder that every chunk of this job uses, fixed at submission.
    bank: str
    model: str
    #: `EncoderInfo.identity`: only workers with this encoder may claim the job's chunks.
    identity: str
    #: The folder, for `folder`.
    path: str | None = None
    #: Seconds since the epoch; the job starts no earlier.
    not_before: float | None = None
    #: Files that were left out before anything was sent: kind → number.
    left_out: dict[str, int] | None = None
    #: Who submitted it; None where no key is needed, and on the command line.
    owner: str | None = None
    #: Photos of archives that are not unpacked yet, judging by their directories.
    expected: int | None = None
    #: The job whose photos it classifies again.
    repeats: str | None = None
    #: Id of the collection that it is a run of.
    collection: str | None = None
    #: None: normal.
    priority: Priority | None = None
    #: The id of the bank that `bank` is a version of.
    bank_id: str = DEFAULT_BANK
    #: The hours in which it works, a text of `shared.core.window`; None: always.
    window: str | None = None
    #: When it should be done, in seconds since the epoch.
    deadline: float | None = None
    #: None: every photo is an item.
    split: Split | None = None


#: Share of the photos from which on the estimate of the end is taken at its word.
_TOLD_FROM = 0.1
#: The note of a job whose folder went away while it was listed.
WAITS_FOR_SHARE = "folder_gone_while_listing"
#: What keeps a worker from doing a job's photos, through no fault of theirs, and what the job waits for.
OBSTACLES = {
    "bank_missing": "bank",
    "bank_damaged": "bank",
    "bank_unreadable": "bank",
    "bank_model_mismatch": "bank",
    "bank_empty": "bank",
    "ranking_failed": "bank",
    "index_unavailable": "index",
    "index_missing": "index",
    "index_differs": "index",
    "index_denied": "index",
    "index_no_extension": "index",
    "index_needs_package": "index",
    "storage_unavailable": "storage",
    "resources_exhausted": "trouble",
    "decoding_failed": "trouble",
    "engine_failed": "trouble",
    "worker_failed": "trouble",
    "worker_crashes": "trouble",
    "model_unavailable": "trouble",
}
#: Notes of a job on which nobody can work, and what it waits for.
WAITING_FOR = {
    **OBSTACLES,
    "no_worker": "worker",
    "worker_starting": "worker",
    "worker_error": "worker",
    "no_worker_for_model": "model",
    "no_worker_for_settings": "model",
    "folder_not_visible": "folder",
    WAITS_FOR_SHARE: "folder",
}
#: Notes that say nothing once a job has ended: it may end before they are taken back.
OF_UNENDED = frozenset({*WAITING_FOR, "folder_not_visible_to_some"})


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the ledger knows it now."""

    id: str
    name: str
    kind: str
    state: JobState
    lane: Lane
    preset: str
    model: str
    bank: str
    identity: str
    #: Final only once `listed`; grows while a folder is being listed. Of archives: what their directories announce.
    total: int
    listed: bool
    ok: int
    failed: int
    #: Results that came a second time and were refused.
    duplicates: int
    #: Items answered from the embedding cache.
    cached: int
    created: float
    started: float | None = None
    finished: float | None = None
    path: str | None = None
    not_before: float | None = None
    #: Items a second over the last half minute; None until there is something to measure.
    rate: float | None = None
    #: Seconds left at that rate; None where unknown.
    eta: float | None = None
    #: When it will be done, with an interval; None where nothing honest can be said.
    estimate: Estimate | None = None
    #: A code (see messages) that says why a job does not move or could not be listed, e.g. `no_worker_for_model`.
    note: str | None = None
    #: Values of the note's sentence.
    note_detail: dict[str, Any] = field(default_factory=dict)
    #: The engine of the worker that claimed its first chunk (`EncoderInfo.engine`); None before, and for older jobs.
    engine: str | None = None
    #: `EncoderInfo.precision` of the workers that claimed chunks, in that order, joined by ` + `; None before the
    #: first, and for older jobs.
    precision: str | None = None
    #: Released from the ledger: it can be read, corrected, exported and deleted, but not steered.
    archived: bool = False
    #: Files that are no photos: kind (see `shared.photos.clutter`) → number.
    left_out: dict[str, int] = field(default_factory=dict)
    #: Who submitted it; None where no key was needed, and on the command line.
    owner: str | None = None
    priority: Priority = Priority.NORMAL
    #: Id of the job whose photos it classifies again.
    repeats: str | None = None
    #: Id of the collection that it is a run of.
    collection: str | None = None
    #: Of a queued job, where it was asked for: its place in the line for the next worker, 1 for the next.
    place: int | None = None
    #: Id of the bank that `bank` is a version of.
    bank_id: str = DEFAULT_BANK
    #: The hours in which it works, a text of `shared.core.window`; None: always.
    window: str | None = None
    #: It works outside its hours, too, until they begin the next time: somebody said so.
    anyway: bool = False
    #: When it should be done, in seconds since the epoch.
    deadline: float | None = None
    #: When somebody moved it to the front of its priority, of whose turns the job that was moved last has all.
    first: float | None = None
    #: What of each photo becomes an item; None: the photo.
    split: Split | None = None

    @property
    def hours(self) -> Window | None:
        """Its window; None without one, and for one that only another version can read."""
        return known(self.window) if self.window else None

    @property
    def opens_at(self) -> float | None:
        """Of a job outside its hours: when they begin, in seconds since the epoch."""
        return opens(self.hours, time.time()) if self.rule.opens_itself and self.hours else None

    @property
    def late(self) -> bool:
        """It will not be done by its deadline, as far as can be told, or was not.

        While little is done, only an end that is as good as certain is told; the estimate is right from a tenth on.
        """
        if self.deadline is None:
            return False
        if self.ended or time.time() > self.deadline:
            return (self.finished or time.time()) > self.deadline
        found = self.estimate
        if found is None:
            return (self.opens_at or 0.0) >= self.deadline
        return (found.done_at if self.done >= _TOLD_FROM * self.total else found.earliest) > self.deadline

    @property
    def waiting_for(self) -> str | None:
        """What a job that was started waits for (a value of `WAITING_FOR`); None while nothing keeps it."""
        listing_waits = self.state is JobState.LISTING and self.note == WAITS_FOR_SHARE
        return WAITING_FOR.get(self.note or "") if self.rule.needs_worker or listing_waits else None

    @property
    def rule(self) -> StateRule:
        """What its state means."""
        return RULES[self.state]

    @property
    def offered(self) -> tuple[str, ...]:
        """The verbs of `states.VERBS` that change something now."""
        if self.archived:
            return ()
        return tuple(verb for verb in offered(self.state) if self.failed or not VERBS[verb].of_failed)

    @property
    def starts_at(self) -> float | None:
        """When a scheduled job starts, in seconds since the epoch; None for all others."""
        return self.not_before if self.rule.starts_itself else None

    @property
    def answered_by(self) -> str:
        """What pages and exports name: the model, or an engine that has none behind it (`null`, `sleep`)."""
        return f"{self.engine} (engine without a model)" if self.engine in HASH_ENGINES else self.model

    @property
    def ended(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.rule.terminal

    @property
    def done(self) -> int:
        return self.ok + self.failed
