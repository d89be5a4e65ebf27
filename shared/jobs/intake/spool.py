"""Files on their way in: written to the spool and hashed at once, then adopted by the storage or deleted.

No descriptor stays open behind a finished file, so that 10,000 may arrive in one request.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from shared.core.files import disk_errors
from shared.storage import Storage

_BUFFER_BYTES = 256 * 1024


class SpooledFile:
    """One file on its way in: written and hashed, then adopted by the storage, which syncs it, or deleted.

    Of a file larger than `limit` bytes, one byte more than the limit is kept: enough for the worker to refuse it.
    Raises Unavailable (`disk_full`) wherever it writes.
    """

    __slots__ = ("_handle", "_hash", "_limit", "path", "sha256", "size")

    def __init__(self, folder: Path, limit: int) -> None:
        self.path: Path | None = folder / f"upload-{uuid.uuid4().hex}"
        #: Bytes kept so far.
        self.size = 0
        #: Hex digest of what was kept; empty until `finish`.
        self.sha256 = ""
        self._limit = limit
        self._hash = hashlib.sha256()
        with disk_errors():
            self._handle: IO[bytes] | None = self.path.open("xb", buffering=_BUFFER_BYTES)

    def write(self, data: bytes | bytearray) -> int:
        """Appends; returns the number of bytes given, as files do."""
        assert self._handle is not None
        kept = memoryview(data)[: max(0, self._limit + 1 - self.size)]
        if kept:
            with disk_errors():
                self._handle.write(kept)
            self._hash.update(kept)
            self.size += len(kept)
        return len(data)

    def fill(self, pieces: Iterable[bytes]) -> None:
        """Writes all pieces and finishes; drops the file where that fails."""
        try:
            for piece in pieces:
                self.write(piece)
            self.finish()
        except BaseException:
            self.close()
            raise

    def finish(self) -> None:
        """Complete: the storage syncs it to disk when it adopts it. A second call does nothing."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        with disk_errors(), handle:
            handle.flush()
        self.sha256 = self._hash.hexdigest()

    def adopt(self, storage: Storage) -> None:
        """Hands the finished file over to the storage."""
        assert self.path is not None
        with disk_errors():
            storage.adopt(self.path, self.sha256)
        self.path = None

    def close(self) -> None:
        """Drops whatever was not adopted."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


def sweep(spool: Path, seconds: float = 86400) -> None:
    """Removes what a crashed process left in the spool; nothing takes a day to arrive."""
    for path in spool.glob("upload-*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - seconds:
                path.unlink()
