"""What was made in a tree, in a file of the tree itself: a later run goes on from it, and `undo` removes nothing else.

A row is written before its file is made, so that a run that was killed in between finds the file to be its own.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from shared.core.errors import Conflict
from shared.core.migrations import write_ahead

FILE = ".weft-sort.sqlite"
VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS made (
  job TEXT NOT NULL, idx INTEGER NOT NULL, kind TEXT NOT NULL, place TEXT NOT NULL, key TEXT UNIQUE,
  way TEXT NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (job, idx, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folders (place TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Made:
    """One file."""

    idx: int
    #: `photo` or `sidecar`.
    kind: str
    #: Below the tree, or absolute for a sidecar beside its original.
    place: str
    #: `link`, `hardlink`, `copy`; `text` for a sidecar.
    way: str
    #: How it is known again: a link's target; a hard link's inode; a copy's size and time; a text's SHA-256.
    mark: str


class Manifest:
    """Of the tree in `folder`. Raises Conflict (`sort_unknown`) where a later version wrote it."""

    def __init__(self, folder: Path, trial: bool = False) -> None:
        """`trial`: a copy in memory, and the folder need not exist."""
        path = folder / FILE
        self._db = sqlite3.connect(":memory:" if trial else path, timeout=5, isolation_level=None)
        if trial and path.exists():
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as kept:
                kept.backup(self._db)
        write_ahead(self._db)
        # A process that is killed loses nothing; after a power cut the last files are found to be in the way.
        self._db.execute("PRAGMA synchronous=NORMAL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            self._db.close()
            raise Conflict("sort_unknown", file=str(folder / FILE))
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        self._db.close()

    def begin(self) -> None:
        """Until `commit`, rows are written together."""
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._db.execute("COMMIT")

    def find(self, job: str, idx: int, kind: str) -> Made | None:
        row = self._db.execute(
            "SELECT idx, kind, place, way, mark FROM made WHERE job = ? AND idx = ? AND kind = ?", (job, idx, kind)
        ).fetchone()
        return Made(*row) if row else None

    def taken(self, place: str, job: str, idx: int) -> bool:
        """Whether this path, in any case and composition of letters, belongs to another photo."""
        row = self._db.execute("SELECT job, idx FROM made WHERE key = ?", (_key(place),)).fetchone()
        return row is not None and row != (job, idx)

    def put(self, job: str, made: Made) -> None:
        key = _key(made.place)
        row = (job, made.idx, made.kind, made.place, key, made.way, made.mark)
        self._db.execute("INSERT OR REPLACE INTO made VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def drop(self, job: str, made: Made) -> None:
        self._db.execute("DELETE FROM made WHERE job = ? AND idx = ? AND kind = ?", (job, made.idx, made.kind))

    def all(self, job: str) -> Iterator[Made]:
        """Everything that was made for a job; rows may be dropped meanwhile."""
        last = (-1, "")
        sql = (
            "SELECT idx, kind, place, way, mark FROM made WHERE job = ? AND (idx, kind) > (?, ?)"
            " ORDER BY idx, kind LIMIT 1000"
        )
        while rows := self._db.execute(sql, (job, *last)).fetchall():
            yield from (Made(*row) for row in rows)
            last = rows[-1][:2]

    def empty(self) -> bool:
        return self._db.execute("SELECT 1 FROM made LIMIT 1").fetchone() is None

    def folder(self, place: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO folders VALUES (?)", (place,))

    def folders(self) -> list[str]:
        """Those that were made, the deepest first."""
        found = [row[0] for row in self._db.execute("SELECT place FROM folders")]
        return sorted(found, key=lambda place: (-place.count("/"), place))

    def forget_folder(self, place: str) -> None:
        self._db.execute("DELETE FROM folders WHERE place = ?", (place,))


def _key(place: str) -> str:
    """File systems of Windows and macOS keep two names apart by less than Linux does."""
    return unicodedata.normalize("NFC", place).casefold()


def text_mark(data: bytes) -> str:
    """The mark of a sidecar with this content; one that a killed run left empty is ours, too."""
    return hashlib.sha256(data).hexdigest() if data else ""


def mark_of(path: Path, way: str) -> str:
    """How a file that was made in this way is known again. Raises OSError."""
    if way == "link":
        return os.readlink(path)
    if way == "text":
        return text_mark(path.read_bytes())
    found = path.lstat()
    # No device: its number changes when a disk is mounted again. No inode of a copy: FUSE and SMB make them up.
    return f"{found.st_ino}" if way == "hardlink" else f"{found.st_size}:{found.st_mtime_ns}"


def is_ours(root: Path, made: Made) -> bool:
    """Whether the file is as it was made; False where it is gone, or another one is in its place."""
    try:
        mark = mark_of(root / made.place, made.way)
    except OSError:
        return False
    return mark == made.mark or (made.way == "text" and not mark)
