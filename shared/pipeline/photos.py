"""Reading, hashing and decoding one photo. Runs in the reader and decode threads."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

from shared.core.errors import NotFound, PhotoError, Unavailable, WeftError
from shared.core.measuring import stage
from shared.core.shortages import is_short
from shared.encoder import Encoder
from shared.encoder.protocol import Prepared, from_transforms
from shared.jobs.model import Item
from shared.photos.box import Box
from shared.photos.decode import JPEG_SIGNATURE, Limits
from shared.photos.decode_pool import DecodePool
from shared.photos.photo_part import decode_part
from shared.photos.regular_files import open_regular
from shared.photos.thumbnails import Thumbnails, thumbnails
from shared.pipeline.blame import obstacle
from shared.pipeline.pixel_fields import compute

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """A decoded photo."""

    #: What the encoder's `prepare` made of it.
    prepared: Prepared
    #: Values from its pixels and its file, by `Field.key`.
    extra: dict[str, Any]


class PhotoStore(Protocol):
    """What the pipeline needs of `shared.storage.Storage`."""

    def read(self, sha256: str) -> bytes: ...
    def has_thumb(self, sha256: str, large: bool = False) -> bool: ...
    def put_thumb(self, sha256: str, jpeg: bytes, large: bool = False) -> None: ...
    def available(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Photos:
    """Reads photos from storage or from allowed folders."""

    storage: PhotoStore
    roots: tuple[Path, ...]
    limits: Limits
    #: Where photos are decoded; None: in this process. What an encoder's `read_jpeg` reads never passes through it.
    pool: DecodePool | None = None

    def read(self, item: Item) -> bytes:
        """The file's bytes. Raises: PhotoError; Unavailable (`storage_unavailable`, `resources_exhausted`)."""
        with stage("read"):
            return self._read(item)

    def _read(self, item: Item) -> bytes:
        if item.path is None:
            return self._read_stored(item.part.whole if item.part and item.box else item.sha256 or "")
        try:
            return self._read_file(item.path)
        except FileNotFoundError as error:
            raise PhotoError("missing_file") from error
        except OSError as error:
            if is_short(error):
                raise obstacle(error, "resources_exhausted") from error
            raise PhotoError("unreadable", reason=error.strerror or type(error).__name__) from error

    def _read_stored(self, sha256: str) -> bytes:
        try:
            return self.storage.read(sha256)
        except NotFound as error:
            # A store that is away may answer as an empty one does.
            if self._storage_is_there():
                raise PhotoError("missing_file") from error
            raise Unavailable("storage_unavailable", reason="it is empty or not connected") from error
        except WeftError:
            raise
        except OSError as error:
            if error.errno == errno.EIO and self._storage_is_there():
                raise PhotoError("unreadable", reason=error.strerror) from error
            raise obstacle(error, "storage_unavailable") from error
        except Exception as error:
            # Every object store has exceptions of its own.
            raise obstacle(error, "storage_unavailable") from error

    def _storage_is_there(self) -> bool:
        try:
            return self.storage.available()
        except Exception:
            return False

    def hashed(self, item: Item) -> tuple[str, bytes]:
        """SHA-256 (hex) and bytes of a folder's file; of a swatch, its identity and its card's bytes.

        Raises PhotoError, also where the card is not the one on which the swatch was found (`card_changed`).
        """
        data = self.read(item)
        sha256 = hashlib.sha256(data).hexdigest()
        if item.part is None:
            return sha256, data
        if sha256 != item.part.whole:
            raise PhotoError("card_changed")
        return item.part.identity, data

    def prepare(self, item: Item, sha256: str, data: bytes | None, encoder: Encoder) -> PreparedPhoto:
        """Decodes a photo, prepares it for the encoder and stores its thumbnails. Raises: PhotoError."""
        if data is None:
            data = self.read(item)
        wanted = not self._has_thumbnail(sha256)
        with stage("decode"):
            photo, jpegs = self._decode(data, wanted, encoder, item.box)
        if jpegs is not None:
            self._store_thumbnails(sha256, jpegs)
        return photo

    def _decode(
        self, data: bytes, wanted: bool, encoder: Encoder, box: Box | None
    ) -> tuple[PreparedPhoto, Thumbnails | None]:
        # Of a part, the decoder in this process knows nothing.
        own = box is None and encoder.read_jpeg is not None and data.startswith(JPEG_SIGNATURE)
        if self.pool is None or own:
            found = decode_part(data, encoder.decode_size, self.limits, box, encoder.read_jpeg if own else None)
            jpegs = thumbnails(found.picture) if wanted else None
            return PreparedPhoto(encoder.prepare(found.picture), compute(found)), jpegs
        decoded = self.pool.decode(data, thumbnail=wanted, box=box)
        return PreparedPhoto(from_transforms(decoded.arrays), decoded.values), decoded.thumbnails

    def _has_thumbnail(self, sha256: str) -> bool:
        # A store that is away says so when the photo is read.
        try:
            # The one that is stored last; one of an earlier version has none.
            return self.storage.has_thumb(sha256, large=True)
        except Exception:
            return False

    def _store_thumbnails(self, sha256: str, jpegs: Thumbnails) -> None:
        # A full disk or an unreachable store costs the thumbnail, never the result.
        try:
            self.storage.put_thumb(sha256, jpegs.small)
            if jpegs.large is not None:
                self.storage.put_thumb(sha256, jpegs.large, large=True)
        except Exception as error:
            _log.warning("thumbnail_write_failed", sha256=sha256, reason=str(error))

    def _read_file(self, name: str) -> bytes:
        # Checked again after submission: a link or pipe may have been put there since.
        with open_regular(name, self.roots, buffered=False) as file:
            if (size := os.fstat(file.fileno()).st_size) > self.limits.bytes:
                raise PhotoError("too_large", limit=self.limits.bytes, size=size)
            return file.read()
