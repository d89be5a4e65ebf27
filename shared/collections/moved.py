"""Files that are the same at another place: their result and review stay with them, and they are not classified again.

A new path with the size and time of a vanished file is read and hashed; where only upper and lower case or the Unicode
form of its name differs, it is the same file without that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.collections.index import Index
from shared.collections.listing import folded
from shared.core.chunked import chunked
from shared.core.errors import PhotoError
from shared.photos.regular_files import open_regular

#: Threads that read, and files that are read before what was learnt is kept.
_THREADS, _AT_ONCE = 4, 200
#: A vanished file with a result that may be carried over: of this look, or of an earlier one.
_SOURCES = (
    "SELECT files.path FROM files LEFT JOIN temp.gone USING (path) WHERE files.size = ? AND files.mtime = ?"
    " AND (files.gone IS NOT NULL OR temp.gone.path IS NOT NULL) AND NOT files.again AND files.sha256 IS NOT NULL"
    " AND files.path NOT IN (SELECT source FROM temp.moves) AND files.job NOT IN (SELECT job FROM temp.lost)"
    " AND NOT EXISTS (SELECT 1 FROM temp.seen WHERE seen.path = files.path)"
)


class Moves:
    """Fills `temp.moves` out of `temp.chosen` and `temp.gone`."""

    def __init__(self, index: Index, roots: Sequence[Path]) -> None:
        self._index, self._db = index, index.db
        self._roots = roots

    def find(self, reads: bool) -> None:
        """`reads` False: nothing is read, and what may have moved counts as moved."""
        candidates = self._candidates()
        left = []
        for path, size, mtime in candidates:
            wanted = folded(os.fsdecode(path))
            sources = [row["path"] for row in self._db.execute(_SOURCES, (size, mtime))]
            same = next((source for source in sources if folded(os.fsdecode(source)) == wanted), None)
            if same is None and not reads and sources:
                same = sources[0]
            if same is not None:
                self._move(path, same, size, mtime)
            elif sources:
                left.append((path, size, mtime))
        for (path, size, mtime), sha256 in zip(left, self._hashes(left), strict=True):
            row = sha256 and self._db.execute(f"{_SOURCES} AND files.sha256 = ?", (size, mtime, sha256)).fetchone()
            if row:
                self._move(path, row["path"], size, mtime)

    def _candidates(self) -> list[tuple[bytes, int, int]]:
        """New files with the size and time of a vanished one."""
        vanished = "SELECT size, mtime FROM files WHERE gone IS NOT NULL UNION"
        vanished += " SELECT size, mtime FROM files JOIN temp.gone USING (path)"
        rows = self._db.execute(
            "SELECT path, size, mtime FROM temp.chosen WHERE kind = 'new'"
            f" AND (size, mtime) IN (SELECT size, mtime FROM ({vanished})) ORDER BY path"
        )
        return [tuple(row) for row in rows]

    def _move(self, path: bytes, source: bytes, size: int, mtime: int) -> None:
        self._db.execute("INSERT INTO temp.moves VALUES (?, ?, ?, ?)", (path, source, size, mtime))
        self._db.execute("DELETE FROM temp.chosen WHERE path = ?", (path,))
        self._db.execute("DELETE FROM temp.gone WHERE path = ?", (source,))

    def _hashes(self, files: Sequence[tuple[bytes, int, int]]) -> list[str | None]:
        """SHA-256 of each, None where it cannot be read; those of an interrupted look are not read again."""
        found: list[str | None] = []
        with ThreadPoolExecutor(_THREADS) as pool:
            for group in chunked(files, _AT_ONCE):
                known = {
                    path: row["sha256"]
                    for path, size, mtime in group
                    if (row := self._db.execute("SELECT * FROM read WHERE path = ?", (path,)).fetchone())
                    and (row["size"], row["mtime"]) == (size, mtime)
                }
                unread = [entry for entry in group if entry[0] not in known]
                read = dict(zip(unread, pool.map(self._hash, (path for path, _, _ in unread)), strict=True))
                with self._index.transaction():
                    self._db.executemany(
                        "INSERT OR REPLACE INTO read VALUES (?, ?, ?, ?)",
                        [(*entry, sha256) for entry, sha256 in read.items() if sha256],
                    )
                found += [known.get(entry[0]) or read.get(entry) for entry in group]
        return found

    def _hash(self, path: bytes) -> str | None:
        try:
            with open_regular(os.fsdecode(path), self._roots) as file:
                # Files have `readinto`; the type of `open_regular` does not say so.
                return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        except (OSError, PhotoError):
            return None
