"""Jobs, their photos and outcomes, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from shared.encoder.info import HASH_ENGINES
from shared.jobs.states import TERMINAL
from shared.jobs.states import JobState as JobState
from shared.ranking.model import Ranking


class Lane(StrEnum):
    """Which line a job's chunks stand in; a worker serves `INTERACTIVE` first, and both share its micro-batches."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


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

    @property
    def ok(self) -> bool:
        return self.error_code is None


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


#: Notes of a job on which nobody can work, and what it waits for.
WAITING_FOR = {
    "no_worker": "worker",
    "worker_starting": "worker",
    "worker_error": "worker",
    "no_worker_for_model": "model",
    "folder_not_visible": "folder",
}


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
    #: Final only once `listed`; grows while a folder is being listed.
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
    #: A code (see messages) that says why a job does not move or could not be listed, e.g. `no_worker_for_model`.
    note: str | None = None
    #: Values of the note's sentence.
    note_detail: dict[str, Any] = field(default_factory=dict)
    #: The engine of the worker that claimed its first chunk (`EncoderInfo.engine`); None before, and for older jobs.
    engine: str | None = None
    #: The ledger has let it go: its results stay as they are, and can be read, corrected, exported and deleted.
    archived: bool = False

    @property
    def waiting_for(self) -> str | None:
        """What a job that was started waits for: `worker`, `model` or `folder`; None while nothing keeps it."""
        stopped = self.state in (JobState.QUEUED, JobState.RUNNING)
        return WAITING_FOR.get(self.note or "") if stopped else None

    @property
    def answered_by(self) -> str:
        """What pages and exports name: the model, or an engine that has none behind it (`null`, `sleep`)."""
        return f"{self.engine} (engine without a model)" if self.engine in HASH_ENGINES else self.model

    @property
    def ended(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state in TERMINAL

    @property
    def done(self) -> int:
        return self.ok + self.failed

    def public(self) -> dict[str, Any]:
        """The JSON that API and command line show (times in seconds since the epoch)."""
        shown = asdict(self)
        for inner in ("identity", "listed", "lane", "note_detail"):
            del shown[inner]
        return {**shown, "waiting_for": self.waiting_for}
