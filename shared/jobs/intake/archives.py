"""Archives that people upload: looked at before anything is unpacked, and never extracted by name.

A member's name is only ever shown, so `../` in it is harmless; its bytes go to a temporary file of ours.
"""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from shared.core.errors import InvalidRequest
from shared.jobs.intake import member_names, pdf, zip_directory
from shared.jobs.intake.tar_headers import TarHeader
from shared.photos import clutter

#: An archive that unpacks to more than this many times its own size is a bomb: photos hardly shrink in a zip.
MAX_RATIO = 100
#: Below this many unpacked bytes the ratio does not matter (a handful of blank scans).
HARMLESS_BYTES = 64 * 1024**2
#: Small, so that of a damaged member all but its last few bytes are kept: the worker then says that it is cut off.
READ_BYTES = 16 * 1024

_UTF8_NAME = 0x800
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
#: Known by name, so that their refusal says what to do: reading them needs other programs.
_REFUSED_ENDINGS = (".7z", ".rar", ".tar.zst", ".tzst", ".lzh", ".cab", ".ace", ".arj")
_SPLIT_ENDINGS = (".z01", ".zip.001", ".7z.001", ".r00")
#: What the upload page offers to send.
ENDINGS = (".zip", *_TAR_ENDINGS, pdf.ENDING)
_TYPES = ("application/zip", "application/x-zip-compressed", "application/x-tar", "application/pdf")
#: What a damaged or cut member or archive raises, in whatever way it was packed.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
)


def is_archive(name: str, content_type: str | None) -> bool:
    """Whether an uploaded file is to be unpacked, a PDF included. By its name, as .docx and .jar are zip files, too."""
    lower = name.lower()
    return lower.endswith((*ENDINGS, *_REFUSED_ENDINGS, *_SPLIT_ENDINGS)) or content_type in _TYPES


class Archive(Protocol):
    """An archive that can be read without surprises."""

    @property
    def photos(self) -> int | None:
        """Photos, judging by their names; None where only unpacking tells."""

    @property
    def empty(self) -> bool:
        """Whether it holds nothing but files of operating systems, as far as can be told without unpacking."""

    @property
    def unpacked(self) -> int:
        """Bytes of all members, as the archive declares them; its own size where it declares nothing."""

    def members(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Each member's name as its maker saw it, and its bytes in pieces, to be read before the next member is asked
        for; a damaged member simply ends early. The files of operating systems are passed over.

        Raises InvalidRequest (`zip_damaged`) where the archive itself turns out to be broken.
        """

    def systems(self) -> int:
        """Files of operating systems that were passed over so far."""

    def close(self) -> None: ...


class ZipArchive:
    """Raises `InvalidRequest`: `zip_damaged`, `zip_encrypted`, `zip_unsupported`, `zip_split`, `zip_bomb`,
    `too_many_files`."""

    def __init__(self, path: Path, name: str, *, max_files: int, max_bytes: int) -> None:
        zip_directory.check_end(path, name, max_files)
        try:
            self._zip = zipfile.ZipFile(path)
        except (*_DAMAGE, OSError) as damage:
            raise InvalidRequest("zip_damaged", name=name) from damage
        self._name = name
        # Not `is_dir`: it fails for an entry without a name.
        infos = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
        names = member_names.decoded(
            [info.orig_filename for info in infos],
            [bool(info.flag_bits & _UTF8_NAME) for info in infos],
            [info.extra for info in infos],
        )
        self._members = [(i, shown) for i, shown in zip(infos, names, strict=True) if not clutter.is_system(shown)]
        self._systems = len(infos) - len(self._members)
        try:
            zip_directory.check_overlaps(infos, name)
            self._check(path.stat().st_size, max_files, max_bytes)
        except InvalidRequest:
            self._zip.close()
            raise

    def _check(self, packed: int, max_files: int, max_bytes: int) -> None:
        if self.photos > max_files or len(self._members) > zip_directory.most_entries(max_files):
            raise InvalidRequest("too_many_files", limit=max_files)
        if self.unpacked > max_bytes or (self.unpacked > HARMLESS_BYTES and self.unpacked > MAX_RATIO * packed):
            raise InvalidRequest("zip_bomb", name=self._name)
        for info, _ in self._members:
            if info.flag_bits & _ENCRYPTED:
                raise InvalidRequest("zip_encrypted", name=self._name)
            try:
                zipfile._check_compression(info.compress_type)  # type: ignore[attr-defined]
            except (NotImplementedError, RuntimeError) as unknown:
                raise InvalidRequest("zip_unsupported", name=self._name) from unknown

    @property
    def photos(self) -> int:
        return sum(clutter.left_out_kind(name) is None for _, name in self._members)

    @property
    def empty(self) -> bool:
        return not self._members

    @property
    def unpacked(self) -> int:
        return sum(info.file_size for info, _ in self._members)

    def members(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        for info, name in self._members:
            try:
                with self._zip.open(info) as stream:
                    yield name, _pieces(stream)
            except (*_DAMAGE, OSError) as damage:
                raise InvalidRequest("zip_damaged", name=self._name) from damage

    def systems(self) -> int:
        return self._systems

    def close(self) -> None:
        self._zip.close()


class TarArchive:
    """A tar, packed or not. It has no directory: limits are held while it is read.

    Raises `InvalidRequest`: `zip_damaged`.
    """

    def __init__(self, path: Path, name: str, *, max_files: int, max_bytes: int) -> None:
        self._path = path
        self._name = name
        self._max_files = max_files
        self._packed = path.stat().st_size
        self._max_bytes = min(max_bytes, max(HARMLESS_BYTES, MAX_RATIO * self._packed))
        self._systems = 0
        with self._opened() as tar:
            try:
                tar.next()
            except (*_DAMAGE, OSError) as damage:
                raise InvalidRequest("zip_damaged", name=name) from damage

    def _opened(self) -> tarfile.TarFile:
        try:
            return tarfile.open(self._path, "r:*", tarinfo=TarHeader, errorlevel=0)
        except (*_DAMAGE, OSError) as damage:
            raise InvalidRequest("zip_damaged", name=self._name) from damage

    @property
    def photos(self) -> None:
        return None

    @property
    def empty(self) -> bool:
        return False

    @property
    def unpacked(self) -> int:
        return self._packed

    def members(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Also raises InvalidRequest: `zip_bomb`, `too_many_files`."""
        found = unpacked = 0
        self._systems = 0
        with self._opened() as tar:
            while (member := self._next(tar)) is not None:
                # Before its bytes are passed over: that is what a bomb costs.
                unpacked += member.size
                # Headers count, too: there may be any number of them.
                if max(unpacked, tar.offset) > self._max_bytes:
                    raise InvalidRequest("zip_bomb", name=self._name)
                if not member.isreg():
                    continue
                if clutter.is_system(member.name):
                    self._systems += 1
                    continue
                found += clutter.left_out_kind(member.name) is None
                if found > self._max_files:
                    raise InvalidRequest("too_many_files", limit=self._max_files)
                stream = tar.extractfile(member)
                if stream is not None:
                    yield member.name, _pieces(stream)
                # tarfile remembers every member for random access.
                tar.members.clear()  # type: ignore[attr-defined]

    def _next(self, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
        try:
            return tar.next()
        except (*_DAMAGE, OSError) as damage:
            raise InvalidRequest("zip_damaged", name=self._name) from damage

    def systems(self) -> int:
        return self._systems

    def close(self) -> None: ...


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Bytes of one member, no more than its directory entry declares (zipfile and tarfile see to that)."""
    while True:
        try:
            piece = stream.read(READ_BYTES)
        except _DAMAGE:
            return
        except OSError as error:
            # bz2 says so of bytes that are none of its own; an error with a number is the disk's.
            if error.errno is None:
                return
            raise
        if not piece:
            return
        yield piece


@contextmanager
def opened(path: Path, name: str, *, max_files: int, max_bytes: int) -> Iterator[Archive]:
    """The archive at `path`, closed again.

    Raises what `ZipArchive`, `TarArchive` and `PdfArchive` raise, and InvalidRequest: `archive_unsupported`,
    `zip_split`.
    """
    archive = _open(path, name, max_files=max_files, max_bytes=max_bytes)
    try:
        yield archive
    finally:
        archive.close()


def _open(path: Path, name: str, *, max_files: int, max_bytes: int) -> Archive:
    lower = name.lower()
    if lower.endswith(_SPLIT_ENDINGS):
        raise InvalidRequest("zip_split", name=name)
    if lower.endswith(_REFUSED_ENDINGS) or _starts_as_refused(path):
        raise InvalidRequest("archive_unsupported", name=name)
    if lower.endswith(pdf.ENDING):
        return pdf.PdfArchive(path, name, max_files=max_files)
    if lower.endswith(_TAR_ENDINGS) or (not lower.endswith(".zip") and not zipfile.is_zipfile(path)):
        return TarArchive(path, name, max_files=max_files, max_bytes=max_bytes)
    return ZipArchive(path, name, max_files=max_files, max_bytes=max_bytes)


def _starts_as_refused(path: Path) -> bool:
    """A RAR or 7z that is called .zip."""
    with path.open("rb") as file:
        start = file.read(8)
    return start.startswith((b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c"))
