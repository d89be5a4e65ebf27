"""Zip files that people upload: looked at before anything is unpacked, and never extracted by name.

A member's name is only ever shown, so `../` in it is harmless; its bytes go to a temporary file of ours.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from shared.core.errors import InvalidRequest

#: An archive that unpacks to more than this many times its own size is a bomb: photos hardly shrink in a zip.
MAX_RATIO = 100
#: Below this many unpacked bytes the ratio does not matter (a handful of blank scans).
HARMLESS_BYTES = 64 * 1024**2
#: Small, so that of a damaged member all but its last few bytes are kept: the worker then says that it is cut off.
READ_BYTES = 16 * 1024

_UTF8_NAME = 0x800
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_CLUTTER_FOLDERS = {"__MACOSX", "@eaDir", ".Trashes"}
_CLUTTER_FILES = {".ds_store", "thumbs.db", "desktop.ini"}


def is_archive(name: str, content_type: str | None) -> bool:
    """Whether an uploaded file is to be unpacked. By its name, as .docx and .jar are zip files, too."""
    return name.lower().endswith(".zip") or content_type in ("application/zip", "application/x-zip-compressed")


class Archive:
    """An uploaded zip, checked: it can be listed and read without surprises.

    Raises `InvalidRequest`: `zip_damaged`, `zip_encrypted`, `zip_unsupported`, `zip_bomb`, `too_many_files`.
    """

    def __init__(self, path: Path, name: str, *, max_files: int, max_bytes: int) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as damage:
            raise InvalidRequest("zip_damaged", name=name) from damage
        self._name = name
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        names = _decoded([info.orig_filename for info in infos], [bool(info.flag_bits & _UTF8_NAME) for info in infos])
        self._members = [(info, shown) for info, shown in zip(infos, names, strict=True) if not _is_clutter(shown)]
        try:
            self._check(path.stat().st_size, max_files, max_bytes)
        except InvalidRequest:
            self._zip.close()
            raise

    def _check(self, packed: int, max_files: int, max_bytes: int) -> None:
        if len(self._members) > max_files:
            raise InvalidRequest("too_many_files", limit=max_files)
        unpacked = sum(info.file_size for info, _ in self._members)
        if unpacked > max_bytes or (unpacked > HARMLESS_BYTES and unpacked > MAX_RATIO * packed):
            raise InvalidRequest("zip_bomb", name=self._name)
        for info, _ in self._members:
            if info.flag_bits & _ENCRYPTED:
                raise InvalidRequest("zip_encrypted", name=self._name)
            try:
                zipfile._check_compression(info.compress_type)  # type: ignore[attr-defined]
            except (NotImplementedError, RuntimeError) as unknown:
                raise InvalidRequest("zip_unsupported", name=self._name) from unknown

    @property
    def unpacked(self) -> int:
        """Bytes of all members, as the archive declares them."""
        return sum(info.file_size for info, _ in self._members)

    def __len__(self) -> int:
        return len(self._members)

    def members(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Each member's name as its maker saw it, and its bytes in pieces; a damaged member simply ends early.

        Raises `InvalidRequest("zip_damaged")` where the archive itself turns out to be broken.
        """
        for info, name in self._members:
            try:
                with self._zip.open(info) as stream:
                    yield name, _pieces(stream)
            except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as damage:
                raise InvalidRequest("zip_damaged", name=self._name) from damage

    def close(self) -> None:
        self._zip.close()


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Bytes of one member, no more than its directory entry declares (zipfile sees to that)."""
    while True:
        try:
            piece = stream.read(READ_BYTES)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError, MemoryError):
            return
        except OSError as error:
            # bz2 says so of bytes that are none of its own; an error with a number is the disk's.
            if error.errno is None:
                return
            raise
        if not piece:
            return
        yield piece


def _decoded(names: list[str], utf8: list[bool]) -> list[str]:
    """Names without the UTF-8 flag come from zipfile as cp437; Chinese Windows wrote GBK there, macOS UTF-8.

    One encoding is chosen for all of an archive's unflagged names: a short GBK name alone may pass for UTF-8.
    """
    raw = [None if known else name.encode("cp437", "replace") for name, known in zip(names, utf8, strict=True)]
    for encoding in ("utf-8", "gbk"):
        try:
            return [name if b is None else b.decode(encoding) for name, b in zip(names, raw, strict=True)]
        except UnicodeDecodeError:
            continue
    return names


def _is_clutter(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return (
        path.name.lower() in _CLUTTER_FILES or path.name.startswith("._") or not _CLUTTER_FOLDERS.isdisjoint(path.parts)
    )


@contextmanager
def opened(path: Path, name: str, *, max_files: int, max_bytes: int) -> Iterator[Archive]:
    """The archive at `path`, closed again; see `Archive` for what is raised."""
    archive = Archive(path, name, max_files=max_files, max_bytes=max_bytes)
    try:
        yield archive
    finally:
        archive.close()
