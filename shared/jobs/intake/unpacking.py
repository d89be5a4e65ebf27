"""The photos of an archive, one after another: what is no photo is counted, an archive in it is unpacked once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Self

from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.intake import archives
from shared.jobs.intake.spool import SpooledFile
from shared.photos import clutter

#: First bytes of photos whose names do not say so.
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif")


@dataclass
class Unpacking:
    """Unpacks archives of one submission into the spool, within its limits."""

    spool: Path
    max_files: int
    max_bytes: int
    max_photo_bytes: int
    #: Files that were left out, by kind.
    left_out: Counter[str] = field(default_factory=Counter)
    _files: int = 0
    _bytes: int = 0

    @classmethod
    def of(cls, settings: Settings, spool: Path, left_out: Counter[str] | None = None) -> Self:
        """Within the limits of an upload; `left_out` is counted on."""
        return cls(
            spool,
            max_files=settings.max_upload_files,
            max_bytes=settings.max_upload_bytes,
            max_photo_bytes=settings.max_photo_bytes,
            left_out=Counter() if left_out is None else left_out,
        )

    def photos(self, path: Path, name: str) -> Iterator[tuple[str, SpooledFile]]:
        """(name below the archive, spooled bytes) of every photo; who asks for one has to adopt or close it.

        Raises InvalidRequest as `archives.opened` and as the limits of an upload.
        """
        with archives.opened(path, name, max_files=self.max_files, max_bytes=self.max_bytes) as archive:
            yield from self._photos(archive, inner=True)

    def _photos(self, archive: archives.Archive, inner: bool) -> Iterator[tuple[str, SpooledFile]]:
        for name, pieces in archive.members():
            kind = clutter.left_out_kind(name)
            if inner and kind is not None and archives.is_archive(name, None):
                yield from self._nested(name, pieces, kind)
                continue
            first = b"" if kind is None else next(pieces, b"")
            if kind is not None and not is_photo_start(first):
                clutter.count(self.left_out, kind)
                continue
            self._files += 1
            if self._files > self.max_files:
                raise InvalidRequest("too_many_files", limit=self.max_files)
            yield name, self._spooled(chain((first,), pieces), self.max_photo_bytes)
        clutter.count(self.left_out, clutter.SYSTEM, archive.systems())

    def _nested(self, name: str, pieces: Iterator[bytes], kind: str) -> Iterator[tuple[str, SpooledFile]]:
        """The photos of an archive in the archive; one that cannot be read, or lies deeper still, is left out."""
        spooled = self._spooled(pieces, self.max_bytes)
        assert spooled.path is not None
        try:
            try:
                limits = {"max_files": self.max_files, "max_bytes": self.max_bytes}
                with archives.opened(spooled.path, name, **limits) as archive:
                    for below, photo in self._photos(archive, inner=False):
                        yield f"{name}/{below}", photo
            except InvalidRequest as error:
                if error.code in ("too_many_files", "upload_too_large"):
                    raise
                clutter.count(self.left_out, kind)
        finally:
            spooled.close()

    def _spooled(self, pieces: Iterator[bytes], limit: int) -> SpooledFile:
        spooled = SpooledFile(self.spool, limit)
        spooled.fill(pieces)
        self._bytes += spooled.size
        if self._bytes > self.max_bytes:
            # Of several archives, each keeps the limit alone.
            spooled.close()
            raise InvalidRequest("upload_too_large", limit=self.max_bytes)
        return spooled


def is_photo_start(data: bytes) -> bool:
    """Whether bytes begin like a photo, whatever its name is."""
    if data.startswith(_SIGNATURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return True
    return data[4:8] == b"ftyp" and data[8:12] in _BRANDS
