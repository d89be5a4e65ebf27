"""What is known of a collection's files: one SQLite file, which also holds its runs.

A file is its path's bytes, size and time of change, and points to its latest result: job and index there. A run's plan
(`plan`) is written in one transaction and stays until its job is known, so a run that is interrupted anywhere is either
repeated from its look or submits the very same photos under the same key.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.collections.runs import SCHEMA as RUNS
from shared.collections.runs import Runs
from shared.collections.watching import Watching
from shared.core.migrations import migrate, write_ahead

#: As `migrations.py` says.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        # `gone`: when it was found to be no longer there (it keeps its result: it may come back, or turn up elsewhere).
        # `again`: its last attempt said nothing of the photo, so the next run takes it again.
        # `old_*`: its result before the last run, where the plan says `carry`. `said_*`: an earlier result of the same
        # content that people have reviewed, where the latest one is of a run over everything.
        "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL, sha256 TEXT,"
        " job TEXT NOT NULL, idx INTEGER NOT NULL, first_seen REAL NOT NULL, gone REAL, again INTEGER NOT NULL DEFAULT"
        " 0, old_sha256 TEXT, old_job TEXT, old_idx INTEGER, said_job TEXT, said_idx INTEGER) WITHOUT ROWID",
        "CREATE INDEX files_size ON files (size, mtime)",
        "CREATE INDEX files_job ON files (job, idx)",
        "CREATE INDEX files_sha256 ON files (sha256)",
        # `carry`: it has an earlier result, to which it returns where its content proves to be the same.
        "CREATE TABLE plan (idx INTEGER PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL,"
        " mtime INTEGER NOT NULL, carry INTEGER NOT NULL)",
        # Files that were read to find out whether they moved: a look that is repeated does not read them again.
        "CREATE TABLE read (path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL, sha256 TEXT NOT NULL)"
        " WITHOUT ROWID",
        # How many files there are, so that a list of collections counts no million rows.
        "CREATE TABLE totals (only INTEGER PRIMARY KEY CHECK (only = 1), present INTEGER NOT NULL, gone INTEGER NOT"
        " NULL)",
        "INSERT INTO totals VALUES (1, 0, 0)",
        *RUNS,
    ),
    (
        "ALTER TABLE runs ADD COLUMN watched INTEGER NOT NULL DEFAULT 0",
        # Of a watched collection: `events` or `polling`, and why it waits, where it does.
        "CREATE TABLE watching (only INTEGER PRIMARY KEY CHECK (only = 1), how TEXT NOT NULL, code TEXT,"
        " detail TEXT NOT NULL)",
    ),
    (
        # Results of a file in its job, from `idx` on: the swatches of a card, or one.
        "ALTER TABLE files ADD COLUMN parts INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE files ADD COLUMN old_parts INTEGER",
        # 0: not looked at yet.
        "ALTER TABLE plan ADD COLUMN parts INTEGER NOT NULL DEFAULT 1",
        # What was found on photos of the plan: their hash, and the boxes of their swatches as JSON.
        "CREATE TABLE cards (path BLOB PRIMARY KEY, sha256 TEXT NOT NULL, boxes TEXT NOT NULL) WITHOUT ROWID",
    ),
)


class Index:
    """Open for reading and writing, in a `with` statement. Used by one thread; several processes may have it open."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, timeout=30, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        try:
            write_ahead(self.db)
            self.db.execute("PRAGMA synchronous=FULL")
            migrate(self.db, STEPS)
        except BaseException:
            self.db.close()
            raise
        self.runs = Runs(self.db)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block, or nothing of it."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            self.db.execute("ROLLBACK")
            raise

    def watching(self) -> Watching | None:
        """How the collection was last watched; None: not yet."""
        row = self.db.execute("SELECT how, code, detail FROM watching").fetchone()
        return Watching(row["how"], row["code"], json.loads(row["detail"])) if row else None

    def note_watching(self, now: Watching) -> None:
        """What `watching` says from now on."""
        if now != self.watching():
            put = "INSERT OR REPLACE INTO watching (only, how, code, detail) VALUES (1, ?, ?, ?)"
            self.db.execute(put, (now.how, now.code, json.dumps(now.detail)))

    def counts(self) -> dict[str, int]:
        """Files that are `present`, and those that are `gone`."""
        row = self.db.execute("SELECT present, gone FROM totals").fetchone()
        return {"present": row["present"], "gone": row["gone"]}

    def recount(self) -> None:
        """After a change of the files, in its transaction."""
        self.db.execute("UPDATE totals SET (present, gone) = (SELECT count(*) - count(gone), count(gone) FROM files)")

    def known_below(self, folder: bytes) -> int:
        """Present files below a folder."""
        first, behind = bounds(folder)
        sql = "SELECT count(*) FROM files WHERE path >= ? AND path < ? AND gone IS NULL"
        return int(self.db.execute(sql, (first, behind)).fetchone()[0])

    def settle(self, job: str) -> None:
        """The plan has become this job: its files are known from now on. Within a transaction."""
        columns = "path, size, mtime, job, idx, parts, first_seen"
        before = ("old_sha256", "old_job", "old_idx", "old_parts", "said_job", "said_idx")
        kept = ", ".join(f"iif(carry, files.{name.removeprefix('old_')}, NULL)" for name in before)
        self.db.execute(
            f"INSERT OR REPLACE INTO files ({columns}, {', '.join(before)}) SELECT plan.path, plan.size, plan.mtime, ?,"
            f" plan.first, plan.parts, coalesce(files.first_seen, ?), {kept}"
            " FROM (SELECT *, sum(parts) OVER (ORDER BY idx) - parts AS first FROM plan) AS plan"
            " LEFT JOIN files ON files.path = plan.path ORDER BY plan.path",
            (job, time.time()),
        )
        self.db.execute("DELETE FROM plan")
        self.db.execute("DELETE FROM cards")
        self.recount()

    def jobs_without_hash(self) -> list[str]:
        """Jobs of which photos failed before they were read, but for what is taken again anyway."""
        sql = "SELECT DISTINCT job FROM files WHERE sha256 IS NULL AND NOT again"
        return [row["job"] for row in self.db.execute(sql)]


def bounds(folder: bytes) -> tuple[bytes, bytes]:
    """All paths below a folder lie from the first on and before the second."""
    inside = folder.rstrip(b"/") + b"/"
    return inside, inside[:-1] + b"0"
