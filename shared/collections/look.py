"""One look at a collection: lists its folders and compares them with what is known, by path, size and time of change.

Only what may have moved is read here. The outcome lies in temporary tables until `plan` makes it the run's plan, so
that a look that is not finished, or only a look, leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from shared.collections.collection import Collection
from shared.collections.index import Index, bounds
from shared.collections.listing import FolderGone, Found, Listing
from shared.collections.moved import Moves
from shared.collections.prefixes import is_inside
from shared.collections.runs import Run
from shared.collections.watching import Arrived
from shared.core.names import path_name
from shared.jobs.intake.folders import FolderNotAllowed, holds_something, is_below

#: Seconds for which a file that has just been written is left alone: it may still grow.
SETTLED_SECONDS = 60.0
#: Files that are looked at twice, however old they say they are; of more, only those of the last hour.
_TWICE, _RECENT_SECONDS = 20_000, 3600.0
#: Seconds between the two looks at least.
_BETWEEN_SECONDS = 1.0
#: Folders that could not be read, by name.
_NAMED_PARTS = 20
_NS = 1_000_000_000

_TABLES = """
CREATE TEMP TABLE seen (path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE chosen (path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL, kind TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TEMP TABLE gone (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE lost (job TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE moves (path BLOB PRIMARY KEY, source BLOB NOT NULL UNIQUE, size INTEGER, mtime INTEGER) WITHOUT ROWID;
"""
_SAME = "seen.size = files.size AND seen.mtime = files.mtime"


class Look:
    """A look; its index may be used for nothing else meanwhile."""

    def __init__(
        self, index: Index, collection: Collection, roots: Sequence[Path], run: Run, buckets: Sequence[str] = ()
    ) -> None:
        self._index, self._db = index, index.db
        self._collection = collection
        self._run = run
        self._roots, self._buckets = roots, buckets
        self._listing = Listing(collection.rules, roots)
        self.counts: dict[str, int] = {}
        self._began = time.time()
        for table in ("seen", "chosen", "gone", "lost", "moves"):
            self._db.execute(f"DROP TABLE IF EXISTS temp.{table}")
        self._db.executescript(_TABLES)

    @property
    def parts(self) -> list[str]:
        """Folders that could not be read, the first ones by name: what lies in them stays as it is known."""
        return [path_name(path) for path in self._listing.unreadable[:_NAMED_PARTS]]

    def look(self, job_is_there: Callable[[str], bool]) -> None:
        """Lists, compares and counts. `job_is_there`: whether a job's results still exist.

        Raises FolderGone: nothing may be concluded from an empty mount point; FolderNotAllowed.
        """
        for folder in self._collection.folders:
            if self._collection.in_bucket:
                self._list_bucket(folder)
            else:
                self._list(folder)
        self._forget_lost(job_is_there)
        self._compare()
        moves = Moves(self._index, self._roots)
        moves.find(reads=not self._run.dry)
        if self._run.everything:
            self._db.execute("INSERT OR IGNORE INTO chosen SELECT path, size, mtime, 'unchanged' FROM moves")
        self._leave_unsettled()
        self._count()

    def plan(self, state: str) -> bool:
        """Makes what was found the plan of the run, which goes on to `state`; False: it is no longer looking.

        Vanished, returned and moved files are settled here; what is to be classified, once its job is known.
        """
        db, now = self._db, time.time()
        with self._index.transaction():
            counts, parts = self.counts, self.parts
            if not self._index.runs.advance(self._run.id, self._run.state, state=state, counts=counts, parts=parts):
                return False
            db.execute("UPDATE files SET gone = ? WHERE path IN (SELECT path FROM gone)", (now,))
            db.execute(
                f"UPDATE files SET gone = NULL FROM seen WHERE gone IS NOT NULL AND seen.path = files.path AND {_SAME}"
            )
            kept = "sha256, job, idx, parts, first_seen, said_job, said_idx"
            moved = f"SELECT moves.path, moves.size, moves.mtime, {kept} FROM moves JOIN files"
            rows = db.execute(f"{moved} ON files.path = moves.source").fetchall()
            db.execute("DELETE FROM files WHERE path IN (SELECT source FROM moves)")
            put = f"INSERT OR REPLACE INTO files (path, size, mtime, {kept}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            db.executemany(put, map(tuple, rows))
            db.execute("DELETE FROM plan")
            whole = 0 if self._collection.rules.split else 1
            db.execute(
                "INSERT INTO plan (idx, path, size, mtime, carry, parts)"
                " SELECT row_number() OVER (ORDER BY path) - 1, path, size, mtime,"
                " kind IN ('changed', 'unchanged')"
                " AND path NOT IN (SELECT path FROM files WHERE job IN (SELECT job FROM lost)), ?"
                " FROM chosen WHERE kind NOT IN ('writing', 'older')",
                (whole,),
            )
            # What has neither a file nor a result any more.
            db.execute("DELETE FROM files WHERE gone IS NOT NULL AND job IN (SELECT job FROM lost)")
            db.execute("DELETE FROM read")
            db.execute("DELETE FROM cards")
            self._index.recount()
        return True

    def arrived(self) -> Arrived:
        """What is there that a run would take up. Tried in vain (`again`) it does not count: that would never end."""
        told = hashlib.blake2b(digest_size=16)
        chosen = "SELECT kind, path, size, mtime FROM chosen WHERE kind IN ('new', 'changed', 'writing') ORDER BY path"
        for row in self._db.execute(chosen):
            told.update(repr(tuple(row)).encode())
        ready = sum(self.counts[kind] for kind in ("new", "changed", "moved", "back"))
        told.update(f"{self.counts['moved']} {self.counts['back']}".encode())
        waits = ready + self.counts["writing"]
        return Arrived(ready, waits, told.digest() if waits else b"")

    def _list(self, folder: str) -> None:
        if not is_below(folder, self._roots):
            # The allowed folders are others than when the collection was made.
            raise FolderNotAllowed(path=path_name(folder))
        known = self._index.known_below(os.fsencode(folder))
        if not holds_something(folder) and (known or not os.path.isdir(folder)):
            raise FolderGone(path=path_name(folder), known=known)
        self._note(self._listing.below(folder))
        if known and not holds_something(folder):
            # The last folders may have been read empty.
            raise FolderGone(path=path_name(folder), known=known)

    def _list_bucket(self, prefix: str) -> None:
        if not is_inside(prefix, self._buckets):
            raise FolderNotAllowed(path=path_name(prefix))
        self._note(self._listing.in_bucket(prefix))
        known = self._index.known_below(os.fsencode(prefix))
        seen = self._db.execute("SELECT 1 FROM temp.seen WHERE path >= ? AND path < ?", bounds(os.fsencode(prefix)))
        if known and seen.fetchone() is None:
            # More likely a mistake than a wish: a mistyped rule, another store at the same address.
            raise FolderGone(path=path_name(prefix), known=known)

    def _note(self, found: Iterable[Found]) -> None:
        rows = ((os.fsencode(path), size, mtime) for path, size, mtime in found)
        # Not immediate: only temporary tables are written, and listing may take long.
        self._db.execute("BEGIN")
        try:
            self._db.executemany("INSERT OR IGNORE INTO temp.seen VALUES (?, ?, ?)", rows)
        finally:
            self._db.execute("COMMIT")

    def _forget_lost(self, job_is_there: Callable[[str], bool]) -> None:
        """Files whose job was deleted have no result any more: they are taken again."""
        jobs = [row["job"] for row in self._db.execute("SELECT DISTINCT job FROM files")]
        lost = [(job,) for job in jobs if not job_is_there(job)]
        self._db.executemany("INSERT INTO temp.lost VALUES (?)", lost)

    def _compare(self) -> None:
        db = self._db
        kind = (
            "CASE WHEN files.path IS NULL THEN 'new'"
            f" WHEN NOT ({_SAME}) THEN iif(files.gone IS NULL, 'changed', 'new')"
            " WHEN files.again OR files.job IN (SELECT job FROM temp.lost) THEN 'again' END"
        )
        db.execute(
            "INSERT INTO temp.chosen SELECT path, size, mtime, kind FROM (SELECT seen.path AS path, seen.size AS size,"
            f" seen.mtime AS mtime, {kind} AS kind FROM temp.seen LEFT JOIN files ON files.path = seen.path)"
            " WHERE kind IS NOT NULL"
        )
        if self._run.everything:
            db.execute("INSERT OR IGNORE INTO temp.chosen SELECT path, size, mtime, 'unchanged' FROM temp.seen")
        if self._run.since is not None:
            older = "UPDATE temp.chosen SET kind = 'older' WHERE mtime < ?"
            db.execute(older, (int(self._run.since * _NS),))
        db.execute(
            "INSERT INTO temp.gone SELECT path FROM files WHERE gone IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM temp.seen WHERE seen.path = files.path)"
        )
        for part in self._listing.unreadable:
            db.execute("DELETE FROM temp.gone WHERE path >= ? AND path < ?", bounds(os.fsencode(part)))

    def _leave_unsettled(self) -> None:
        """What was just written, or grows between two looks, is left for the next run; objects appear complete."""
        if self._collection.in_bucket:
            return
        now = time.time()
        settled = int((now - SETTLED_SECONDS) * _NS)
        writing = "UPDATE temp.chosen SET kind = 'writing' WHERE kind NOT IN ('unchanged', 'older')"
        # A time that lies in the future is a wrong clock, which may stay wrong for ever.
        self._db.execute(f"{writing} AND mtime > ? AND mtime <= ?", (settled, int(now * _NS)))
        chosen = "SELECT path, size, mtime FROM temp.chosen WHERE kind NOT IN ('unchanged', 'older', 'writing')"
        rows = self._db.execute(f"{chosen} LIMIT ?", (_TWICE + 1,)).fetchall()
        if len(rows) > _TWICE:
            rows = self._db.execute(f"{chosen} AND mtime > ?", (int((now - _RECENT_SECONDS) * _NS),)).fetchall()
        if rows:
            time.sleep(max(0.0, self._began + _BETWEEN_SECONDS - time.time()))
        grown = [(row["path"],) for row in rows if _differs(row)]
        self._db.executemany("UPDATE temp.chosen SET kind = 'writing' WHERE path = ?", grown)

    def _count(self) -> None:
        db = self._db
        kinds = dict(db.execute("SELECT kind, count(*) FROM temp.chosen GROUP BY 1").fetchall())
        found, gone, moved, back = (
            int(db.execute(f"SELECT count(*) FROM {what}").fetchone()[0])
            for what in (
                "temp.seen",
                "temp.gone",
                "temp.moves",
                f"temp.seen JOIN files USING (path) WHERE files.gone IS NOT NULL AND {_SAME}"
                " AND NOT files.again AND files.job NOT IN (SELECT job FROM temp.lost)",
            )
        )
        fresh = sum(kinds.get(kind, 0) for kind in ("new", "changed", "again"))
        left = sum(kinds.get(kind, 0) for kind in ("writing", "older"))
        self.counts = {
            "found": found,
            "unchanged": found - fresh - left - moved - back,
            "chosen": fresh + kinds.get("unchanged", 0),
            "gone": gone,
            "moved": moved,
            "back": back,
            "variants": self._listing.variants,
            "excluded": self._listing.excluded,
            "parts": len(self._listing.unreadable),
            **{kind: kinds.get(kind, 0) for kind in ("new", "changed", "again", "writing", "older")},
        }


def _differs(row: sqlite3.Row) -> bool:
    try:
        told = os.stat(os.fsdecode(row["path"]))
    except OSError:
        # Removed at this moment. A link to nothing is taken: it fails with a reason.
        return not os.path.islink(row["path"])
    return (told.st_size, told.st_mtime_ns) != (row["size"], row["mtime"])
