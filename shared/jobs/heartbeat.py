"""What a worker reports of itself: the JSON of its heartbeat in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import structlog
from pydantic import Field

from shared.core.documents import Document

if TYPE_CHECKING:
    from shared.jobs.ledger import Ledger

_log = structlog.get_logger(__name__)


class WorkerState(StrEnum):
    #: The engine's process does not report yet; its parent says so.
    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    ERROR = "error"


class HeartbeatError(Document):
    """The code and the values of an error's sentence."""

    code: str
    detail: Any = Field(default_factory=dict)


class BlockedJob(HeartbeatError):
    """A job whose photos the worker handed back, and why."""

    job: str
    #: Seconds until it is tried again; 0: at any moment.
    retry_in: float = 0.0


class Heartbeat(Document):
    """A worker; what it does not know while it starts is None."""

    id: str
    host: str = ""
    #: Of Celery's parent process.
    pid: int = 0
    #: A string where only a later version knows the state.
    state: Annotated[WorkerState | str, Field(union_mode="left_to_right")]
    lanes: list[str] = Field(default_factory=list)
    device: str | None = None
    model: str | None = None
    trained: bool | None = None
    engine: str | None = None
    precision: str | None = None
    #: What the preprocessing was taken from: `tag:TAG`, `tags`, `config` or `default`; joined as the models are.
    preprocessing: str | None = None
    identity: str | None = None
    #: The active version of the default bank, which it has loaded.
    bank: str | None = None
    #: All versions that it has in memory, of any bank.
    banks: list[str] = Field(default_factory=list)
    #: Seconds since the epoch.
    ready_since: float | None = None
    #: Photos a second over 30 s.
    rate: float | None = None
    photos: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cpu_percent: float | None = None
    memory_mb: float | None = None
    #: Of its cores, which it uses at most at this hour (`WEFT_DAY_LIMIT`), 0…1; None: no limit.
    core_share: float | None = None
    #: Ids of jobs whose folder it cannot read.
    hidden_jobs: list[str] = Field(default_factory=list)
    #: Jobs that it cannot do at the moment, through no fault of their photos.
    blocked_jobs: list[BlockedJob] = Field(default_factory=list)
    error: HeartbeatError | None = None
    #: Seconds since the epoch, by the clock of the worker.
    last_seen: float = 0.0

    @property
    def works(self) -> bool:
        """Whether its engine has loaded."""
        return self.state in (WorkerState.READY, WorkerState.BUSY)


def live_workers(ledger: Ledger) -> list[Heartbeat]:
    """Heartbeats of live workers, sorted by id. Raises Unavailable."""
    return parsed(ledger.workers())


def parsed(rows: Iterable[Any]) -> list[Heartbeat]:
    """Heartbeats; one that cannot be read, of another version, is passed over and logged."""
    found = []
    for row in rows:
        try:
            found.append(Heartbeat.from_json(row))
        except ValueError as error:
            _log.warning("heartbeat_unreadable", error=str(error))
    return found
