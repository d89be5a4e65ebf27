"""The projection: one SQLite file a job, folded from the commit log of the ledger.

Pages filter, sort, correct and export from it. Folding is idempotent and guarded by SQLite's own lock, so whoever
needs it up to date folds: the dispatcher as commits come, the web before it reads. Corrections live here alone.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from shared.catalog import from_json, to_json
from shared.errors import InvalidRequest, NotFound
from shared.ledger.reading import Reading
from shared.projection_schema import migrate
from shared.result_rows import columns, shown_row
from shared.settings import Settings
from shared.types import ItemResult, Job, JobState

_SELECT = "SELECT items.*, corrections.label AS corrected FROM items LEFT JOIN corrections USING (idx)"
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
SORTS = ("index", "confidence")


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

    def close(self) -> None:
        self._db.close()

    def behind(self, ledger: Reading) -> int:
        """Log entries that are not folded in yet."""
        return ledger.log_length(self._job) - self.folded()

    def catch_up(self, ledger: Reading) -> int:
        """Folds in what was committed since the last time; returns the number of log entries."""
        total = 0
        if self.behind(ledger) < 0 and ledger.holds(self._job):
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

    def fold_again(self, ledger: Reading) -> None:
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
        where: list[tuple[str, list[Any]]] = []
        if status:
            where.append(("items.status = ?", [status]))
        if label:
            where.append(("coalesce(corrections.label, items.label) = ?", [label]))
        if verdict:
            where.append(("items.verdict = ?", [verdict]))
        if code:
            where.append(("items.code = ?", [code]))
        if max_confidence is not None:
            where.append(("items.confidence <= ?", [max_confidence]))
        if sort not in SORTS:
            raise InvalidRequest(reason=f"sort={sort}")
        if cursor:
            where.append(_after(sort, cursor))
        order = "idx" if sort == "index" else "coalesce(confidence, 2), idx"
        clause = " WHERE " + " AND ".join(w for w, _ in where) if where else ""
        values = [v for _, vs in where for v in vs]
        rows = self._db.execute(f"{_SELECT}{clause} ORDER BY {order} LIMIT ?", [*values, limit + 1]).fetchall()
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

    def correct(self, index: int, label: str | None, lang: str | None = None) -> dict[str, Any]:
        """Writes a person's label beside the prediction; None takes it back. Raises: NotFound."""
        self.item(index)
        if label is None:
            self._db.execute("DELETE FROM corrections WHERE idx = ?", (index,))
        else:
            self._db.execute("INSERT OR REPLACE INTO corrections VALUES (?, ?, ?)", (index, label, time.time()))
        return self.item(index, lang)

    def summary(self) -> dict[str, Any]:
        """Counts for filters: labels (corrected where they are), verdicts, failure codes, corrections."""

        def counts(sql: str) -> dict[str, int]:
            return {k: n for k, n in self._db.execute(sql) if k is not None}

        label = "coalesce(corrections.label, items.label)"
        grouped = (
            f"SELECT {label}, count(*) AS n FROM items LEFT JOIN corrections USING (idx) GROUP BY 1 ORDER BY n DESC, 1"
        )
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

    def rows(self, lang: str | None = None) -> Iterator[dict[str, Any]]:
        """Every outcome by index, for exports."""
        for row in self._db.execute(f"{_SELECT} ORDER BY idx"):
            yield shown_row(row, lang)

    def vectors(self, indexes: Iterable[int]) -> dict[int, bytes]:
        """Embeddings as float16 bytes, by item index."""
        found = (self._db.execute("SELECT idx, vector FROM vectors WHERE idx = ?", (i,)).fetchone() for i in indexes)
        return {row["idx"]: row["vector"] for row in found if row}

    def corrections(self) -> list[dict[str, Any]]:
        """Corrected items, newest first."""
        return [shown_row(r, None) for r in self._db.execute(f"{_SELECT} WHERE corrected IS NOT NULL ORDER BY at DESC")]

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


def _after(sort: str, cursor: str) -> tuple[str, list[Any]]:
    try:
        confidence, index = (0.0, cursor) if sort == "index" else json.loads(cursor)
        confidence, index = float(confidence), int(index)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidRequest(reason="cursor") from None
    # SQLite knows no larger integer, and no infinite number either.
    if not (-(2**63) <= index < 2**63 and math.isfinite(confidence)):
        raise InvalidRequest(reason="cursor")
    if sort == "index":
        return "idx > ?", [index]
    return "(coalesce(items.confidence, 2), idx) > (?, ?)", [confidence, index]


def _confidence(item: dict[str, Any]) -> float:
    return 2.0 if item["confidence"] is None else item["confidence"]


def caught_up(settings: Settings, ledger: Reading, job_id: str) -> closing[Projection]:
    """`with caught_up(…) as projection:` every outcome that was committed is in it."""
    projection = open_projection(settings, job_id)
    projection.catch_up(ledger)
    return closing(projection)
