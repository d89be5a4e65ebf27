"""How much is kept, by kind: measured by the dispatcher, left in the ledger for pages, metrics and `weft doctor`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from shared.core.documents import Document, parse_json
from shared.core.settings import Settings
from shared.jobs.ledger import keys
from shared.jobs.ledger.connection import Connection
from shared.jobs.ledger.redis_errors import redis_errors
from shared.storage import Storage

#: Kind → the folder of the data dir that holds it.
FOLDERS = {
    "results": "jobs",
    "uploads": "blobs",
    "thumbnails": "thumbs",
    "banks": "banks",
    "models": "models",
    "weights": "weights",
    "ledger": "redis",
    "spool": "spool",
}
#: Kinds that an object store holds instead, where there is one.
STORED = {"uploads": "blobs", "thumbnails": "thumbs"}


class DiskUse(Document):
    #: Seconds since the epoch.
    at: float = 0.0
    #: Kind → bytes.
    bytes: dict[str, int] = Field(default_factory=dict)


def measure(settings: Settings, storage: Storage) -> DiskUse:
    """Looks at every file. Raises Unavailable where an object store does not answer."""
    found = {kind: _size(settings.data_dir / folder) for kind, folder in FOLDERS.items()}
    found["weights"] = _size(settings.weights_dir)
    if settings.storage_url:
        found |= {kind: sum(entry.size for entry in storage.stored(folder)) for kind, folder in STORED.items()}
    return DiskUse(at=time.time(), bytes=found)


def record(connection: Connection, use: DiskUse) -> None:
    """Raises Unavailable."""
    with redis_errors():
        connection.redis.set(keys.DISK, json.dumps(use.to_json()))


def last(connection: Connection) -> DiskUse | None:
    """The last measurement; None before the first. Raises Unavailable."""
    with redis_errors():
        raw = connection.redis.get(keys.DISK)
    return None if raw is None else DiskUse.from_json(parse_json(raw))


def _size(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk; a file with several names counts once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for entry in _entries(str(folder)):
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if status.st_nlink == 1 or (status.st_dev, status.st_ino) not in seen:
            total += status.st_blocks * 512
            if status.st_nlink > 1:
                seen.add((status.st_dev, status.st_ino))
    return total


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _entries(entry.path)
                else:
                    yield entry
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
