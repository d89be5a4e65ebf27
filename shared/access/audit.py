"""The audit log: who did what, and who was refused. `audit.sqlite` in the data folder.

Events are only ever added: a trigger refuses changes. They go after WEFT_AUDIT_DAYS, and the oldest ones beyond a
number that no honest use reaches, so that nobody fills the disk with refusals.
"""

from __future__ import annotations

import getpass
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.core.i18n import N_
from shared.core.migrations import write_ahead
from shared.core.settings import Settings

log = logging.getLogger(__name__)

FILE = "audit.sqlite"
#: Events kept at most.
MAX_EVENTS = 500_000
#: Events after which old ones are looked for.
_TIDY_EVERY = 256
#: Characters of a value at most.
_LONGEST = 300
#: act → what pages say.
ACTS: dict[str, str] = {
    "login": N_("Signed in"),
    "logout": N_("Signed out"),
    "key_refused": N_("Wrong key"),
    "key_throttled": N_("Too many wrong keys"),
    "not_allowed": N_("Refused: right missing"),
    "key_created": N_("Key created"),
    "key_revoked": N_("Key revoked"),
    "keys_off": N_("Keys switched off"),
    "job_submitted": N_("Job submitted"),
    "upload_begun": N_("Upload begun"),
    "upload_continued": N_("Upload continued"),
    "upload_discarded": N_("Upload discarded"),
    "job_cancel": N_("Job cancelled"),
    "job_pause": N_("Job paused"),
    "job_resume": N_("Job resumed"),
    "job_retry": N_("Failed photos retried"),
    "job_deleted": N_("Job deleted"),
    "job_changed": N_("Job renamed, or its priority changed"),
    "job_archived": N_("Job archived"),
    "item_corrected": N_("Photo reviewed"),
    "items_reviewed": N_("Photos reviewed"),
    "results_exported": N_("Selection exported"),
    "collection_made": N_("Collection made"),
    "collection_changed": N_("Collection changed"),
    "collection_deleted": N_("Collection deleted"),
    "collection_run": N_("Run of a collection started"),
    "bank_made": N_("Bank made"),
    "bank_changed": N_("Bank renamed, archived or restored"),
    "bank_deleted": N_("Bank deleted"),
    "bank_published": N_("Bank version made active"),
    "bank_rolled_back": N_("Bank rolled back"),
    "bank_task": N_("Bank task started"),
    "bank_change_undone": N_("Change of the bank undone"),
    "bank_draft_discarded": N_("Draft of the bank discarded"),
}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL, what TEXT NOT NULL,
  via TEXT NOT NULL, address TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_who ON events (who, id);
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class Event:
    """`at` in seconds since the epoch; `via`: `key session proxy open cli task`; `what`: a job, a version, a key…"""

    id: int
    at: float
    who: str
    act: str
    what: str
    via: str
    address: str


class Audit:
    """The audit log of one data folder. Safe to use from several processes."""

    def __init__(self, settings: Settings) -> None:
        self._path: Path = settings.data_dir / FILE
        self._days = settings.audit_days
        self._lock = threading.Lock()
        #: Kept open: the last one that closes a database in WAL mode writes it through to the disk.
        self._db: sqlite3.Connection | None = None

    def record(self, who: str, act: str, what: str = "", via: str = "cli", address: str = "") -> None:
        """Adds an event, stored when this returns. A disk that refuses it is logged, and stops nothing."""
        values = [_short(text) for text in (who, act, what, via, address)]
        try:
            with self._open() as db:
                sql = "INSERT INTO events (at, who, act, what, via, address) VALUES (?, ?, ?, ?, ?, ?)"
                added = db.execute(sql, (time.time(), *values)).lastrowid or 0
                if added % _TIDY_EVERY == 0:
                    before = time.time() - self._days * 86400
                    db.execute("DELETE FROM events WHERE at < ? OR id <= ?", (before, added - MAX_EVENTS))
        except (sqlite3.Error, OSError):
            log.exception("audit_not_written: %s", " ".join(values))

    def events(
        self,
        who: str | None = None,
        act: str | None = None,
        what: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Event]:
        """Newest first; `before` is the paging cursor (an event's id). `act`: one, or how several begin (`job`)."""
        if not self._path.exists():
            return []
        wanted: tuple[tuple[str, list[Any]], ...] = (
            ("at >= ?", [time.time() - self._days * 86400]),
            ("who = ?", [who] if who else []),
            ("(act = ? OR substr(act, 1, length(?) + 1) = ? || '_')", [act, act, act] if act else []),
            ("(what = ? OR substr(what, 1, length(?) + 1) = ? || '/')", [what, what, what] if what else []),
            ("id < ?", [before] if before is not None else []),
        )
        conditions = [(condition, values) for condition, values in wanted if values]
        sql = "SELECT id, at, who, act, what, via, address FROM events WHERE "
        sql += " AND ".join(condition for condition, _ in conditions) + " ORDER BY id DESC LIMIT ?"
        with self._open() as db:
            rows = db.execute(sql, [*(v for _, values in conditions for v in values), limit]).fetchall()
        return [Event(*row) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The database, for one thread at a time; opened again after an error, or where its file is gone."""
        with self._lock:
            if self._db is not None and not self._path.exists():
                self._close()
            try:
                if self._db is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    self._db = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
                    write_ahead(self._db)
                    self._db.execute("PRAGMA synchronous=NORMAL")
                    self._db.executescript(_SCHEMA)
                yield self._db
            except sqlite3.Error:
                self._close()
                raise

    def __del__(self) -> None:
        # Python 3.13 warns of connections that nobody closes.
        self._close()

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def local_user() -> str:
    """Who a command's acts are recorded as: the command line needs no key, but has a user of this machine."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):
        return "local"


def _short(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:_LONGEST]
