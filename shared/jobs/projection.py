"""The projection: one SQLite file a job, folded from the commit log of the ledger.

Pages filter, sort, correct and export from it. Folding is idempotent and guarded by SQLite's own lock, so whoever
needs it up to date folds: the dispatcher as commits come, the web before it reads. Corrections live here alone.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from shared.bank.class_names import ClassNames, Spellings, UnknownClass
from shared.core.errors import NotFound
from shared.core.names import label as new_label
from shared.core.settings import Settings
from shared.jobs.catalog import from_json, to_json
from shared.jobs.ledger.job_store import JobStore
from shared.jobs.model import ItemResult, Job, JobState
from shared.jobs.projection_schema import migrate
from shared.jobs.result_filters import CORRECTED, FINAL_LABEL, Filters, after, query
from shared.jobs.result_rows import columns, shown_row

_SELECT = f"SELECT items.*, {CORRECTED} AS corrected FROM items LEFT JOIN corrections USING (idx)"
#: Commit log entries folded in one transaction.
_FOLD = 64
#: A late entry of an older generation must not undo what a retry brought.
_COLUMNS = (
    *("generation", "sha256", "status", "cached", "verdict", "label"),
    *("confidence", "margin", "candidates", "code", "detail"),
)
_UPSERT = (
    f"INSERT INTO items (idx, name, {', '.join(_COLUMNS)}) VALUES ({', '.join('?' * (len(_COLUMNS) + 2))})"
    f" ON CONFLICT (idx) DO UPDATE SET {', '.join(f'{c}=excluded.{c}' for c in _COLUMNS)}"
    " WHERE excluded.generation >= items.generation"
)


def open_projection(settings: Settings, job_id: str) -> Projection:
    """The job's projection; made where it is missing. The caller closes it (`with closing(…)`).

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
    return settings.jobs_dir / f"{job_id}.sqlite"


class Projection:
    def __init__(self, path: Path, job_id: str) -> None:
        self._job = job_id
        self._path = path
        self._db = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        try:
            migrate(self._db)
        except BaseException:
            self._db.close()
            raise
        self._names: ClassNames | None = None
        self._spellings = Spellings(ClassNames(()))
        self._db.create_function("class_of", 1, self._class_of, deterministic=True)

    def understand(self, names: ClassNames) -> Self:
        """From now on corrections and filters are read as these classes, and unknown names are refused."""
        self._names = names
        self._read_spellings()
        return self

    def close(self) -> None:
        self._db.close()

    def behind(self, ledger: JobStore) -> int:
        """Log entries that are not folded in yet."""
        return ledger.log_length(self._job) - self.folded()

    def catch_up(self, ledger: JobStore) -> int:
        """Folds in what was committed since the last time; returns the number of log entries."""
        total = 0
        if self.behind(ledger) < 0 and ledger.contains(self._job):
            # The ledger lost its last commits (a restored backup, or a power cut with `everysec`): what they said is
            # said again, at the same places of the log.
            rewind(self._db)
        while self.behind(ledger) > 0:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                start = self.folded()
                entries = ledger.log(self._job, start, _FOLD)
                for results, vectors in entries:
                    self._fold(results, vectors)
                self._db.execute("INSERT OR REPLACE INTO state VALUES ('folded', ?)", (start + len(entries),))
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            ledger.forget_vectors(self._job, start, len(entries))
            total += len(entries)
        return total

    def folded(self) -> int:
        """Log entries that are in."""
        row = self._db.execute("SELECT value FROM state WHERE name = 'folded'").fetchone()
        return row["value"] if row else 0

    def describe(self, job: Job) -> None:
        """Keeps the job's own data, for the time when the ledger does not have it any more."""
        self._db.execute("INSERT OR REPLACE INTO job VALUES (1, ?)", (to_json(job),))

    def described(self) -> Job | None:
        """The job as it was described last."""
        row = self._db.execute("SELECT json FROM job").fetchone()
        return from_json(row["json"]) if row else None

    def lacking(self, job: Job, done: bytes) -> str | None:
        """What an ended job's projection lacks of what the ledger counted, read back from the file; None: nothing.

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
        if ok != job.ok or failed < job.failed or (job.state is JobState.FINISHED and failed != job.failed):
            return f"{ok} ok and {failed} failed rows for {job.ok} and {job.failed}"
        return None

    def flush(self) -> None:
        """All that is written is in the file and on the disk. Raises sqlite3.OperationalError while others read it."""
        busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise sqlite3.OperationalError("checkpoint: database is busy")
        for path in (self._path, self._path.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def fold_again(self, ledger: JobStore) -> None:
        """Makes all rows again from the ledger's log; corrections and vectors stay."""
        rewind(self._db)
        self.catch_up(ledger)

    def items(
        self,
        status: str | None = None,
        label: str | None = None,
        verdict: str | None = None,
        max_confidence: float | None = None,
        code: str | None = None,
        sort: str = "index",
        cursor: str | None = None,
        limit: int = 100,
        lang: str | None = None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """One page of outcomes, and where the next begins. `label` is the corrected one where there is one.

        Raises:
            InvalidRequest: an unknown sort or a damaged cursor.
        """
        filters = Filters(status, label, verdict, max_confidence, code)
        conditions = filters.conditions(self._class_of)
        if cursor:
            conditions.append(after(sort, cursor))
        clause, values = query(conditions, sort)
        rows = self._db.execute(f"{_SELECT}{clause} LIMIT ?", [*values, limit + 1]).fetchall()
        page = [shown_row(r, lang) for r in rows[:limit]]
        if len(rows) <= limit:
            return page, None
        last = page[-1]
        mark = last["index"] if sort == "index" else json.dumps([_confidence(last), last["index"]])
        return page, str(mark)

    def item(self, index: int, lang: str | None = None) -> dict[str, Any]:
        """Raises: NotFound while the item has no outcome."""
        row = self._db.execute(f"{_SELECT} WHERE idx = ?", (index,)).fetchone()
        if row is None:
            raise NotFound(what=f"item {index}")
        return shown_row(row, lang)

    def correct(
        self, index: int, label: str | None, lang: str | None = None, new_class: bool = False
    ) -> dict[str, Any]:
        """Writes a person's label beside the prediction; None takes it back.

        Raises:
            NotFound: the item has no outcome.
            UnknownClass: the label means no class, and nobody said that it is to be a `new_class`.
        """
        self.item(index)
        if label is None:
            self._db.execute("DELETE FROM corrections WHERE idx = ?", (index,))
        else:
            if self._names is not None:
                found = self._spellings.resolve(label)
                if found is None:
                    fresh = new_label(label)
                    if not new_class:
                        raise UnknownClass(fresh, self._names.near(fresh))
                label = found or self._spellings.settle(fresh)
            self._db.execute("INSERT OR REPLACE INTO corrections VALUES (?, ?, ?)", (index, label, time.time()))
        self._read_spellings()
        return self.item(index, lang)

    def summary(self) -> dict[str, Any]:
        """Counts for filters: labels (corrected where they are), verdicts, failure codes, corrections."""

        def counts(sql: str) -> dict[str, int]:
            return {k: n for k, n in self._db.execute(sql) if k is not None}

        labels = f"SELECT {FINAL_LABEL}, count(*) AS n FROM items LEFT JOIN corrections USING (idx)"
        grouped = f"{labels} GROUP BY 1 ORDER BY n DESC, 1"
        return {
            "labels": counts(grouped),
            "verdicts": counts("SELECT verdict, count(*) FROM items GROUP BY 1"),
            "failures": counts(
                "SELECT code, count(*) AS n FROM items WHERE code IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1"
            ),
            "corrected": self._db.execute("SELECT count(*) FROM corrections").fetchone()[0],
        }

    def totals(self) -> dict[str, int]:
        """How many rows there are: `total`, `ok`, `cached`."""
        counts = "count(*) AS total, coalesce(sum(status = 'ok'), 0) AS ok, coalesce(sum(cached), 0) AS cached"
        return dict(self._db.execute(f"SELECT {counts} FROM items").fetchone())

    def rows(
        self, lang: str | None = None, filters: Filters | None = None, sort: str = "index"
    ) -> Iterator[dict[str, Any]]:
        """Every outcome that the filters let through, one by one, for exports."""
        clause, values = query((filters or Filters()).conditions(self._class_of), sort)
        for row in self._db.execute(f"{_SELECT}{clause}", values):
            yield shown_row(row, lang)

    def count(self, filters: Filters) -> int:
        """How many outcomes the filters let through."""
        clause, values = query(filters.conditions(self._class_of), "index")
        found = self._db.execute(f"SELECT count(*) FROM ({_SELECT}{clause})", values).fetchone()
        return int(found[0])

    def meaning(self, label: str) -> str | None:
        """The class that `label` means here, one made by a correction included; None where there is none."""
        return self._spellings.resolve(label)

    def vectors(self, indexes: Iterable[int]) -> dict[int, bytes]:
        """Embeddings as float16 bytes, by item index."""
        found = (self._db.execute("SELECT idx, vector FROM vectors WHERE idx = ?", (i,)).fetchone() for i in indexes)
        return {row["idx"]: row["vector"] for row in found if row}

    def corrections(self) -> list[dict[str, Any]]:
        """Corrected items, newest first."""
        return [
            shown_row(r, None)
            for r in self._db.execute(f"{_SELECT} WHERE corrections.label IS NOT NULL ORDER BY at DESC")
        ]

    def _read_spellings(self) -> None:
        """The classes, and the new ones that this job's corrections make: of each, the first spelling counts."""
        self._spellings = Spellings(self._names or ClassNames(()))
        if self._names is not None:
            for (label,) in self._db.execute("SELECT label FROM corrections GROUP BY 1 ORDER BY min(at)"):
                self._spellings.settle(label)

    def _class_of(self, label: str) -> str:
        return label if self._names is None else self._spellings.resolve(label) or label

    def _fold(self, results: list[ItemResult], vectors: bytes | None) -> None:
        self._db.executemany(
            _UPSERT,
            [columns(r) for r in results],
        )
        ok = [r for r in results if r.ok]
        if vectors and ok and len(vectors) % len(ok) == 0:
            size = len(vectors) // len(ok)
            self._db.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                [(r.index, vectors[i * size : (i + 1) * size]) for i, r in enumerate(ok)],
            )


def rewind(database: sqlite3.Connection) -> None:
    """Has everything folded again from the ledger; corrections and vectors stay."""
    with database:
        database.execute("DELETE FROM items")
        database.execute("DELETE FROM state WHERE name = 'folded'")


def _confidence(item: dict[str, Any]) -> float:
    return 2.0 if item["confidence"] is None else item["confidence"]


def caught_up(
    settings: Settings, ledger: JobStore, job_id: str, names: ClassNames | None = None
) -> closing[Projection]:
    """`with caught_up(…) as projection:` every outcome that was committed is in it; labels are read as `names` say."""
    projection = open_projection(settings, job_id)
    projection.catch_up(ledger)
    if names is not None:
        projection.understand(names)
    return closing(projection)
