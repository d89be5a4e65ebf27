"""Photos of collections in buckets, as copies in Weft's own storage.

Workers read no bucket: a run copies what is new or changed before it submits it, as an upload.
"""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor

from shared.collections.index import Index
from shared.core.chunked import chunked
from shared.storage import Storage
from shared.storage.buckets import Prefix

#: Objects that are read at the same time, and between two notes of what was read.
_THREADS, _AT_ONCE = 8, 64


def copy_planned(index: Index, parent: str, storage: Storage) -> int:
    """Copies the objects of the plan into the storage, their hashes into `read`; what is gone or may not be read is
    taken from the plan. Returns how many those are. What an interrupted call has copied is not read again.

    Raises as `Prefix`, and Unavailable of the storage.
    """
    db, prefix, begin = index.db, Prefix(parent), len(parent) + 1

    def copied(path: bytes) -> str | None:
        target = storage.spool_dir() / f"upload-{secrets.token_hex(16)}"
        try:
            if (sha256 := prefix.fetch(os.fsdecode(path)[begin:], target)) is not None:
                storage.adopt(target, sha256)
            return sha256
        finally:
            target.unlink(missing_ok=True)

    known = "SELECT sha256 FROM read WHERE path = ? AND size = ? AND mtime = ?"
    rows = db.execute("SELECT path, size, mtime FROM plan ORDER BY idx").fetchall()
    missing: list[tuple[bytes]] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for group in chunked(rows, _AT_ONCE):
            found = [db.execute(known, tuple(row)).fetchone() for row in group]
            unread = [row for row, at in zip(group, found, strict=True) if not at or not storage.keep(at["sha256"])]
            hashes = list(pool.map(copied, (row["path"] for row in unread)))
            with index.transaction():
                for row, sha256 in zip(unread, hashes, strict=True):
                    if sha256 is None:
                        missing.append((row["path"],))
                    else:
                        db.execute("INSERT OR REPLACE INTO read VALUES (?, ?, ?, ?)", (*row, sha256))
    if missing:
        with index.transaction():
            db.executemany("DELETE FROM plan WHERE path = ?", missing)
            left = db.execute("SELECT path, size, mtime, carry, parts FROM plan ORDER BY idx").fetchall()
            db.execute("DELETE FROM plan")
            db.executemany("INSERT INTO plan VALUES (?, ?, ?, ?, ?, ?)", ((n, *row) for n, row in enumerate(left)))
    return len(missing)
