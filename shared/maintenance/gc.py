"""Removes uploads and thumbnails that no job names any more: `weft gc`.

Safe while everything runs: an upload of bytes that are here already touches their file (`LocalStorage.adopt`), and
only files that nobody has touched for a while are looked at.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from shared.core.errors import Conflict
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.storage.names import LARGE

KINDS = ("blobs", "thumbs")


@dataclass
class Swept:
    files: int = 0
    bytes: int = 0


def sweep(settings: Settings, untouched_seconds: float, dry: bool = False) -> dict[str, Swept]:
    """Removes what no job in the ledger and no projection names; with `dry`, only counts it.

    Raises:
        Unavailable: without the ledger nobody knows what is needed.
        Conflict: an object store holds the files (`gc_object_store`).
    """
    if settings.storage_url:
        raise Conflict("gc_object_store")
    named = set(Ledger.connect(settings).upload_digests()) | set(_projected(settings))
    before = time.time() - untouched_seconds
    found = {kind: Swept() for kind in KINDS}
    for kind, swept in found.items():
        for path in (settings.data_dir / kind).glob("??/*"):
            if path.name.removesuffix(LARGE) in named or path.name.startswith("."):
                continue
            size = path.stat().st_size
            if path.stat().st_mtime < before and (dry or _remove(path, before)):
                swept.files += 1
                swept.bytes += size
    return found


def _remove(path: Path, before: float) -> bool:
    """Out of the way first, then a second look: an upload may have touched it in between."""
    aside = path.with_name(f".{path.name}.gc")
    path.rename(aside)
    if aside.stat().st_mtime >= before:
        os.replace(aside, path)
        return False
    aside.unlink()
    return True


def _projected(settings: Settings) -> Iterator[str]:
    for path in settings.jobs_dir.glob("*.sqlite"):
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
                for (sha256,) in database.execute("SELECT DISTINCT sha256 FROM items WHERE sha256 IS NOT NULL"):
                    yield str(sha256)
        except sqlite3.Error as error:
            if path.exists():
                # What it names cannot be known, so nothing may be removed. `weft delete` removes the job.
                raise Conflict("projection_damaged", reason=f"{path.name}: {error}") from error
