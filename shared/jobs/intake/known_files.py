"""What `weft submit` remembers in a folder: hashes of files it has read, and submissions that are not finished.

A submission that was interrupted resumes from here: files that have not changed are neither read nor copied again.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from pathlib import Path

from shared.core.migrations import write_ahead

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, sha256 TEXT NOT NULL,
  at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unfinished (request TEXT PRIMARY KEY, key TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
"""
#: Seconds after which an entry that nobody used is dropped.
_KEPT_SECONDS = 90 * 86400
#: An unfinished submission is taken up again for as long as the ledger knows its key.
_UNFINISHED_SECONDS = 6 * 86400
#: A file that changed less than this before it was read may change again within the same time stamp.
_SETTLED_NS = 2_000_000_000


class KnownFiles:
    """One SQLite file. Used by one thread; several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the data folder, or on a machine without one, the user's cache folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "known-files.sqlite", timeout=20)
        write_ahead(self._db)
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        with self._db:
            self._db.execute("DELETE FROM files WHERE at < ?", (time.time() - _KEPT_SECONDS,))
            self._db.execute("DELETE FROM unfinished WHERE at < ?", (time.time() - _UNFINISHED_SECONDS,))

    def close(self) -> None:
        """Keeps what was remembered."""
        self._db.commit()
        self._db.close()

    def sha256(self, path: Path, stat: os.stat_result) -> str | None:
        """The file's hash, if it is unchanged since it was read: same size, same times."""
        row = self._db.execute(
            "SELECT sha256 FROM files WHERE path = ? AND size = ? AND mtime = ? AND ctime = ?",
            (_key(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns),
        ).fetchone()
        return str(row[0]) if row else None

    def remember(self, path: Path, stat: os.stat_result, taken_ns: int, sha256: str) -> None:
        """`stat` was taken at `taken_ns`, before the file was read."""
        if taken_ns - max(stat.st_mtime_ns, stat.st_ctime_ns) < _SETTLED_NS:
            return
        row = (_key(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, sha256, time.time())
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", row)

    def commit(self) -> None:
        """What was remembered so far survives the end of this process."""
        self._db.commit()

    def begin(self, request: str) -> tuple[str, bool]:
        """The Idempotency-Key of a submission, and whether it resumes one that was interrupted."""
        if before := self.unfinished(request):
            return before, True
        key = f"cli-{secrets.token_hex(16)}"
        self.note(request, key)
        return key, False

    def unfinished(self, request: str) -> str | None:
        """What was noted of a submission that was interrupted."""
        row = self._db.execute("SELECT key FROM unfinished WHERE request = ?", (request,)).fetchone()
        return str(row[0]) if row else None

    def note(self, request: str, key: str) -> None:
        """How a submission that begins now is taken up again."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO unfinished VALUES (?, ?, ?)", (request, key, time.time()))

    def finish(self, request: str) -> None:
        """The submission is known to be accepted, or given up: the same command makes a new job from now on."""
        with self._db:
            self._db.execute("DELETE FROM unfinished WHERE request = ?", (request,))


def _key(path: Path) -> bytes:
    return os.fsencode(os.path.abspath(path))
