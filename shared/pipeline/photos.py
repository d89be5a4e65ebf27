"""Reading, hashing and decoding one photo. Runs in the reader and decode threads."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from shared.core.errors import NotFound, PhotoError
from shared.encoder import Encoder
from shared.jobs.model import Item
from shared.photos.decode import Limits, decode, thumbnail
from shared.photos.regular_files import open_regular
from shared.storage import Storage

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Photos:
    """Reads photos from storage or from allowed folders."""

    storage: Storage
    roots: tuple[Path, ...]
    limits: Limits

    def read(self, item: Item) -> bytes:
        """The file's bytes. Raises: PhotoError."""
        try:
            if item.path is not None:
                return self._read_file(item.path)
            return self.storage.read(item.sha256 or "")
        except (NotFound, FileNotFoundError) as error:
            raise PhotoError("missing_file") from error
        except OSError as error:
            raise PhotoError("unreadable", reason=error.strerror or type(error).__name__) from error

    def hashed(self, item: Item) -> tuple[str, bytes]:
        """SHA-256 (hex) and bytes of a folder's file. Raises: PhotoError."""
        data = self.read(item)
        return hashlib.sha256(data).hexdigest(), data

    def prepare(self, item: Item, sha256: str, data: bytes | None, encoder: Encoder) -> Any:
        """Pixels prepared for the encoder; also stores a thumbnail. Raises: PhotoError."""
        if data is None:
            data = self.read(item)
        rgb = decode(data, encoder.decode_size, self.limits, encoder.read_jpeg)
        self._store_thumbnail(sha256, rgb)
        return encoder.prepare(rgb)

    def _store_thumbnail(self, sha256: str, rgb: NDArray[np.uint8]) -> None:
        # A full disk or an unreachable store costs the thumbnail, never the result.
        try:
            if not self.storage.has_thumb(sha256):
                self.storage.put_thumb(sha256, thumbnail(rgb))
        except OSError as error:
            _log.warning("thumbnail_write_failed", sha256=sha256, reason=str(error))

    def _read_file(self, name: str) -> bytes:
        # Checked again after submission: a link or pipe may have been put there since.
        with open_regular(name, self.roots) as file:
            if (size := os.fstat(file.fileno()).st_size) > self.limits.bytes:
                raise PhotoError("too_large", limit=self.limits.bytes, size=size)
            return file.read()


def reason(error: BaseException) -> tuple[str, dict[str, Any]]:
    """The stable code and detail with which an item fails."""
    if isinstance(error, PhotoError):
        return error.code, error.detail
    _log.error("photo_failed_internally", exc_info=error)
    return "internal", {}
