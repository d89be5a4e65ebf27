"""Archived jobs, those that the ledger has released: `jobs/archive.db`.

It holds nothing that the projections do not hold, and is made again from them where it is lost.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from typing import Any

from shared.core.migrations import write_ahead
from shared.core.settings import Settings
from shared.jobs.job_search import EVERY, JobFilter
from shared.jobs.model import Job, JobState, Lane, Priority

_SCHEMA = """
CREATE TABLE IF NOT EXISTS archived (
  id TEXT PRIMARY KEY, created REAL NOT NULL, kind TEXT NOT NULL, job TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS archived_created ON archived (created);
"""
_FIELDS = {f.name for f in fields(Job)}


def to_json(job: Job) -> str:
    """A job's own data, as projections keep it."""
    return json.dumps(asdict(job), ensure_ascii=True)


def from_json(text: str) -> Job:
    """The archived job; fields that only another version knows are left out."""
    raw: dict[str, Any] = {k: v for k, v in json.loads(text).items() if k in _FIELDS}
    raw |= {"state": JobState(raw["state"]), "lane": Lane(raw["lane"]), "eta": None, "estimate": None, "archived": True}
    raw["priority"] = Priority(raw.get("priority", Priority.NORMAL))
    return Job(**raw)


class Catalog:
    def __init__(self, settings: Settings) -> None:
        self._path = settings.jobs_dir / "archive.db"

    def find(self, job_id: str) -> Job | None:
        """The archived job of this id."""
        with self._open() as db:
            row = db.execute("SELECT job FROM archived WHERE id = ?", (job_id,)).fetchone() if db else None
        return from_json(row[0]) if row else None

    def page(self, limit: int, before: float | None, wanted: JobFilter = EVERY) -> list[Job]:
        """Newest first, without single classified photos."""
        top = float("inf") if before is None else before
        sql = "SELECT job FROM archived WHERE created < ? AND kind <> 'classify'"
        if wanted.looks:
            values = (f"json_extract(job, '$.{name}')" for name in ("name", "path", "owner", "bank_id"))
            sql += f" AND wanted({', '.join(values)})"
        with self._open() as db:
            if db is None:
                return []
            db.create_function("wanted", 4, wanted.matches, deterministic=True)
            rows = db.execute(f"{sql} ORDER BY created DESC, id DESC LIMIT ?", (top, limit)).fetchall()
        return [from_json(row[0]) for row in rows]

    def ids(self) -> set[str]:
        with self._open() as db:
            return {row[0] for row in db.execute("SELECT id FROM archived")} if db else set()

    def add(self, job: Job) -> None:
        """On the disk when this returns."""
        with self._open(make=True) as db:
            assert db is not None
            row = (job.id, job.created, job.kind, to_json(job))
            db.execute("INSERT OR REPLACE INTO archived VALUES (?, ?, ?, ?)", row)

    def forget(self, job_id: str) -> None:
        with self._open() as db:
            if db:
                db.execute("DELETE FROM archived WHERE id = ?", (job_id,))

    @contextmanager
    def _open(self, make: bool = False) -> Iterator[sqlite3.Connection | None]:
        if not make and not self._path.exists():
            yield None
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=20, isolation_level=None)) as db:
            write_ahead(db)
            db.execute("PRAGMA synchronous=FULL")
            db.executescript(_SCHEMA)
            yield db
