"""The runs of one collection, as rows of its index: asked for by people or a schedule, done by the dispatcher.

A run is `waiting`; then `looking` (the folders are listed and compared), `submitting` (its plan is fixed, and becomes a
job), `running` (the job has not ended), and `done`. `looked`: it was only to look. `refused`: nothing was changed, and
`code` says why. A table constraint lets one run of a collection be under way.
"""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from shared.core.errors import Conflict, NotFound
from shared.jobs.ledger.submission import new_id


class RunState(StrEnum):
    """How far a run is."""

    WAITING = "waiting"
    LOOKING = "looking"
    SUBMITTING = "submitting"
    RUNNING = "running"
    DONE = "done"
    LOOKED = "looked"
    REFUSED = "refused"


#: Of these, a collection has one at most.
UNDER_WAY = (RunState.WAITING, RunState.LOOKING, RunState.SUBMITTING, RunState.RUNNING)
#: Runs that are remembered.
KEPT = 500

SCHEMA = (
    "CREATE TABLE runs (id TEXT PRIMARY KEY, asked REAL NOT NULL, state TEXT NOT NULL, who TEXT,"
    " everything INTEGER NOT NULL, since REAL, dry INTEGER NOT NULL, due REAL UNIQUE, began REAL, ended REAL,"
    " job TEXT, counts TEXT NOT NULL, parts TEXT NOT NULL, code TEXT, detail TEXT NOT NULL) WITHOUT ROWID",
    "CREATE UNIQUE INDEX runs_under_way ON runs ((1)) WHERE state IN"
    f" ({', '.join(repr(state.value) for state in UNDER_WAY)})",
)


@dataclass(frozen=True, slots=True)
class Run:
    """Times in seconds since the epoch."""

    id: str
    asked: float
    state: RunState
    #: Who asked for it; None where no key is needed, and for runs that begin by themselves.
    who: str | None = None
    #: All files, not only new and changed ones.
    everything: bool = False
    #: Only files that were changed at this time or later.
    since: float | None = None
    #: Only to look: nothing is submitted or remembered.
    dry: bool = False
    #: When the schedule wanted it; None where somebody asked.
    due: float | None = None
    began: float | None = None
    ended: float | None = None
    #: The job of its photos; None where there is nothing to classify.
    job: str | None = None
    #: How many files there are of each kind: those of `shown.WORDS`, all `found`, and those `chosen` to be classified.
    counts: dict[str, int] = field(default_factory=dict)
    #: Folders that could not be read, at most a few of them.
    parts: list[str] = field(default_factory=list)
    #: Why it was refused, and the values of that sentence.
    code: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    #: It began by itself, because photos had arrived.
    watched: bool = False

    @property
    def under_way(self) -> bool:
        """Whether something is still to happen."""
        return self.state in UNDER_WAY


_COLUMNS = tuple(one.name for one in fields(Run))


class Runs:
    """The table `runs` of an index."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def ask(
        self,
        *,
        who: str | None = None,
        everything: bool = False,
        since: float | None = None,
        dry: bool = False,
        due: float | None = None,
        watched: bool = False,
    ) -> Run:
        """Asks for a run; the dispatcher does it. Raises Conflict("collection_running") while one is under way."""
        run = Run(new_id(), time.time(), RunState.WAITING, who, everything, since, dry, due, watched=watched)
        try:
            self._insert(run)
        except sqlite3.IntegrityError as error:
            raise Conflict("collection_running") from error
        oldest = "SELECT id FROM runs WHERE ended IS NOT NULL ORDER BY id DESC LIMIT -1 OFFSET ?"
        self._db.execute(f"DELETE FROM runs WHERE id IN ({oldest})", (KEPT,))
        return run

    def active(self) -> Run | None:
        """The run that is under way."""
        states = ", ".join("?" * len(UNDER_WAY))
        row = self._db.execute(f"SELECT * FROM runs WHERE state IN ({states})", UNDER_WAY).fetchone()
        return _run(row) if row else None

    def find(self, run_id: str) -> Run:
        """Raises NotFound."""
        row = self._db.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise NotFound(what=f"run {run_id}")
        return _run(row)

    def list(self, limit: int = 20) -> list[Run]:
        """Newest first."""
        return [_run(row) for row in self._db.execute("SELECT * FROM runs ORDER BY id DESC LIMIT ?", (limit,))]

    def last_due(self) -> float:
        """When the last scheduled run was due; 0 before the first."""
        return float(self._db.execute("SELECT coalesce(max(due), 0) FROM runs").fetchone()[0])

    def advance(self, run_id: str, *before: RunState, **values: Any) -> bool:
        """Sets columns of a run that is in one of the states `before`; False: it is not, somebody else was quicker."""
        encoded = {name: json.dumps(v) if isinstance(v, (dict, list)) else v for name, v in values.items()}
        columns = ", ".join(f"{name} = ?" for name in encoded)
        states = ", ".join("?" * len(before))
        done = self._db.execute(
            f"UPDATE runs SET {columns} WHERE id = ? AND state IN ({states})", [*encoded.values(), run_id, *before]
        )
        return done.rowcount == 1

    def _insert(self, run: Run) -> None:
        values = [getattr(run, name) for name in _COLUMNS]
        encoded = [json.dumps(v) if isinstance(v, (dict, list)) else v for v in values]
        marks = ", ".join("?" * len(_COLUMNS))
        self._db.execute(f"INSERT INTO runs ({', '.join(_COLUMNS)}) VALUES ({marks})", encoded)


def _run(row: sqlite3.Row) -> Run:
    values = dict(row)
    values |= {"state": RunState(row["state"]), "everything": bool(row["everything"]), "dry": bool(row["dry"])}
    values["watched"] = bool(row["watched"])
    values |= {name: json.loads(row[name]) for name in ("counts", "parts", "detail")}
    return Run(**values)
