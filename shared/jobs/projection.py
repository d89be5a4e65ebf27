"""The projection: one SQLite file per job, written from the commit log of the ledger.

Pages filter, sort, correct and export from it (`projection_results.py`). Writing is idempotent and runs under SQLite's
own lock, so any process may bring it up to date: the dispatcher as commits come, the web before it reads. Corrections
exist only here.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

from shared.bank.class_names import ClassNames
from shared.core.errors import Conflict, NotFound
from shared.core.files import fsync
from shared.core.migrations import migrate, write_ahead
from shared.core.settings import Settings
from shared.jobs.catalog import from_json, to_json
from shared.jobs.fields import STORED
from shared.jobs.ledger.job_store import JobStore
from shared.jobs.model import ItemResult, Job
from shared.jobs.projection_results import Results
from shared.jobs.projection_schema import STEPS
from shared.jobs.result_rows import columns

#: Commit log entries written in one transaction, and in one that a page waits for.
_FOLD, _FOLD_FOR_A_PAGE = 64, 4
#: More than one entry a page leaves to the dispatcher, if the file was written within so many seconds.
_KEPT_UP_SECONDS = 2.0
#: Seconds that are waited for another process that is writing.
_LOCKED_SECONDS = 20
_NOTED = "INSERT OR REPLACE INTO state VALUES (?, ?)"
_LAST_BEFORE_A_GAP = (
    "SELECT idx FROM items WHERE idx >= ? AND NOT EXISTS (SELECT 1 FROM items AS next WHERE next.idx = items.idx + 1)"
    " ORDER BY idx LIMIT 1"
)
_KEY = STORED[0].column
#: The name stays as it was submitted.
_REPLACED = tuple(s.column for s in STORED if s.column not in (_KEY, "name"))
#: A late entry of an older generation must not undo what a retry brought.
_UPSERT = (
    f"INSERT INTO items ({', '.join(s.column for s in STORED)}) VALUES ({', '.join('?' * len(STORED))})"
    f" ON CONFLICT ({_KEY}) DO UPDATE SET {', '.join(f'{c}=excluded.{c}' for c in _REPLACED)}"
    " WHERE excluded.generation >= items.generation"
)


def open_projection(settings: Settings, job_id: str) -> Projection:
    """Opens the job's projection, and creates it if it is missing. The caller closes it (`with closing(…)`).

    Raises:
        NotFound: not a job's id.
        Conflict: a later version wrote the file (`projection_unknown`).
        sqlite3.Error: the file is damaged, or the disk is full.
    """
    if not job_id.isalnum():
        raise NotFound(what=f"job {job_id}")
    settings.jobs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Projection(projection_path(settings, job_id), job_id)


def projection_path(settings: Settings, job_id: str) -> Path:
    """Where the job's projection is, whether it exists or not."""
    return settings.jobs_dir / f"{job_id}.sqlite"


def file_stats(path: Path) -> list[os.stat_result]:
    """Of the projection at `path` and of its log, as far as they exist."""
    stats = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        # The second one comes and goes with whoever reads.
        with suppress(FileNotFoundError):
            stats.append(file.stat())
    return stats


class Projection(Results):
    """A job's projection, open for reading and writing."""

    def __init__(self, path: Path, job_id: str) -> None:
        self._job = job_id
        self._path = path
        self._db = sqlite3.connect(path, timeout=_LOCKED_SECONDS, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        write_ahead(self._db)
        self._db.execute("PRAGMA synchronous=NORMAL")
        try:
            migrate(self._db, STEPS)
        except BaseException:
            self._db.close()
            raise
        super().__init__(self._db)

    def close(self) -> None:
        self._db.close()

    def behind(self, ledger: JobStore) -> int:
        """Number of log entries that are not in the projection yet; below 0 where the ledger lost some."""
        return ledger.log_length(self._job) - self.folded()

    def catch_up(self, ledger: JobStore, seconds: float | None = None) -> int:
        """Writes what was committed until now, and not what comes meanwhile; returns the number of log entries.

        `seconds`: for a page of a job that goes on. Steps are smaller, none begins after so long, another process that
        is writing is not waited for, and where much came a moment ago it is left to the dispatcher.

        Raises Conflict: the file lacks rows that the ledger has let go (`results_lost`).
        """
        total, began = 0, time.monotonic()
        if self.behind(ledger) < 0 and ledger.contains(self._job):
            # The ledger lost its last commits (a restored backup, or a power cut with `everysec`): other commits will
            # take their places in the log.
            self._rewind(ledger)
        goal = ledger.log_length(self._job)
        if seconds is not None and goal - self.folded() > 1 and self._kept_up():
            return 0
        while self.folded() < goal and not (total and seconds is not None and time.monotonic() - began > seconds):
            if not self._begin(wait=seconds is None):
                break
            try:
                start = self.folded()
                if start < ledger.trimmed(self._job):
                    raise Conflict("results_lost", name=self._path.name)
                entries = ledger.log(self._job, start, _FOLD if seconds is None else _FOLD_FOR_A_PAGE)
                for results, vectors in entries:
                    self._fold(results, vectors)
                self._db.execute(_NOTED, ("folded", start + len(entries)))
                self._db.execute(_NOTED, ("whole", self._gap()))
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            ledger.forget_vectors(self._job, start, len(entries))
            total += len(entries)
        return total

    def folded(self) -> int:
        """Number of log entries that are in the projection."""
        row = self._db.execute("SELECT value FROM state WHERE name = 'folded'").fetchone()
        return row["value"] if row else 0

    def describe(self, job: Job) -> None:
        """Stores the job's own data, for when the ledger no longer has the job."""
        self._db.execute("INSERT OR REPLACE INTO job VALUES (1, ?)", (to_json(job),))

    def described(self) -> Job | None:
        """The job's data as last stored, or None."""
        row = self._db.execute("SELECT json FROM job").fetchone()
        return from_json(row["json"]) if row else None

    def lacking(self, job: Job, done: bytes) -> str | None:
        """Compares the file with what the ledger counted for an ended job. None: complete; else what is missing.

        `done` is the ledger's bitmap of items that have their outcome.
        """
        (sound,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            return str(sound)
        held = {r["status"]: r["n"] for r in self._db.execute("SELECT status, count(*) AS n FROM items GROUP BY 1")}
        known = bytearray(len(done))
        for (index,) in self._db.execute("SELECT idx FROM items"):
            if index < 8 * len(known):
                known[index >> 3] |= 0x80 >> (index & 7)
        missing = sum((bits & ~have).bit_count() for bits, have in zip(done, known, strict=True))
        if missing:
            return f"{missing} items have no row"
        ok, failed = held.get("ok", 0), held.get("failed", 0)
        # A job that was cancelled while failed items were tried again keeps the rows of their first failure.
        if ok != job.ok or failed < job.failed or (job.rule.takes_outcomes and failed != job.failed):
            return f"{ok} ok and {failed} failed rows for {job.ok} and {job.failed}"
        return None

    def flush(self) -> None:
        """Writes everything through to the disk. Raises sqlite3.OperationalError while others read the file."""
        busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise sqlite3.OperationalError("checkpoint: database is busy")
        for path in (self._path, self._path.parent):
            fsync(path)

    def fold_again(self, ledger: JobStore) -> None:
        """Rebuilds all rows that the ledger's log still has; corrections and vectors are kept."""
        self._rewind(ledger)
        self.catch_up(ledger)

    def _rewind(self, ledger: JobStore) -> None:
        if entries := min(ledger.trimmed(self._job), self.folded()):
            # Nobody else has the rows of these entries.
            self._db.execute(_NOTED, ("folded", entries))
        else:
            rewind(self._db)

    def _kept_up(self) -> bool:
        """Whether a process wrote into the file a moment ago."""
        written = max((stat.st_mtime for stat in file_stats(self._path)), default=0.0)
        return time.time() - written < _KEPT_UP_SECONDS

    def _begin(self, wait: bool) -> bool:
        """Begins to write; False: another process is writing, and is not waited for."""
        if wait:
            self._db.execute("BEGIN IMMEDIATE")
            return True
        self._db.execute("PRAGMA busy_timeout=0")
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        finally:
            self._db.execute(f"PRAGMA busy_timeout={1000 * _LOCKED_SECONDS}")
        return True

    def _gap(self) -> int:
        """The first index without a row."""
        whole = self.whole()
        if not self._db.execute("SELECT 1 FROM items WHERE idx = ?", (whole,)).fetchone():
            return whole
        return int(self._db.execute(_LAST_BEFORE_A_GAP, (whole,)).fetchone()["idx"]) + 1

    def _fold(self, results: list[ItemResult], vectors: bytes | None) -> None:
        self._db.executemany(_UPSERT, [columns(r) for r in results])
        ok = [r for r in results if r.ok]
        if vectors and ok and len(vectors) % len(ok) == 0:
            size = len(vectors) // len(ok)
            self._db.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                [(r.index, vectors[i * size : (i + 1) * size]) for i, r in enumerate(ok)],
            )


def rewind(database: sqlite3.Connection) -> None:
    """Deletes all rows, so that they are read from the ledger again; corrections and vectors are kept."""
    with database:
        database.execute("DELETE FROM items")
        database.execute("DELETE FROM state WHERE name IN ('folded', 'whole')")


def caught_up(
    settings: Settings,
    ledger: JobStore,
    job_id: str,
    names: ClassNames | None = None,
    finds_similar: Callable[[int], Iterable[int]] | None = None,
    seconds: float | None = None,
) -> closing[Projection]:
    """The projection with every outcome that is committed now, to be used in a `with` statement; with `seconds`, of a
    job that goes on, with those that can be written in about that time. Labels are resolved by `names`, and the filter
    `like` asks `finds_similar` (see `Results.compare_by`)."""
    projection = open_projection(settings, job_id)
    projection.catch_up(ledger, seconds)
    if names is not None:
        projection.understand(names)
    if finds_similar is not None:
        projection.compare_by(finds_similar)
    return closing(projection)
