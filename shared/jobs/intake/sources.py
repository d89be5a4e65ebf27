"""Where a photo's bytes come from: an uploaded part that is in the spool already, or a file of this machine."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from shared.core.errors import InvalidRequest, PhotoError
from shared.jobs.intake import archives
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.intake.spool import SpooledFile
from shared.jobs.notes import left_out_sentence
from shared.photos import clutter
from shared.photos.regular_files import open_regular
from shared.storage import Storage

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadState:
    """A local file's state before it was read; `taken_ns` is the time at which `stat` was taken."""

    path: Path
    stat: os.stat_result
    taken_ns: int
    #: Its hash, if it is known and unchanged.
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A durable blob: SHA-256 (hex), bytes, and the local file that it was read from, if any."""

    sha256: str
    size: int
    source: ReadState | None = None


class Source(Protocol):
    """One file that is sent: a photo, or a zip of photos."""

    @property
    def name(self) -> str:
        """As it was sent; not cleaned yet."""

    @property
    def path(self) -> Path:
        """Where its bytes lie."""

    @property
    def is_archive(self) -> bool:
        """Whether its members are the photos."""

    def looked_up(self, known: KnownFiles | None) -> Source:
        """The same with what is known of it, asked for before it is read. Raises InvalidRequest (`unreadable`)."""

    def missing_bytes(self, storage: Storage, limit: int, remote: bool) -> int | None:
        """Bytes that storing it adds to the disk; None where it is stored already. Call `looked_up` first."""

    def store(self, storage: Storage, limit: int) -> Stored:
        """Make its first `limit` + 1 bytes durable; from any thread. Raises InvalidRequest (`unreadable`), Unavailable
        (`disk_full`)."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A part of a multipart request, or a zip's member: in the spool, and hashed."""

    name: str
    spooled: SpooledFile
    content_type: str | None = None

    @property
    def path(self) -> Path:
        assert self.spooled.path is not None
        return self.spooled.path

    @property
    def is_archive(self) -> bool:
        return archives.is_archive(self.name, self.content_type)

    def looked_up(self, known: KnownFiles | None) -> Uploaded:
        return self

    def missing_bytes(self, storage: Storage, limit: int, remote: bool) -> int:
        # The spool is on the disk of the blobs: adopting a file renames it.
        return 0

    def store(self, storage: Storage, limit: int) -> Stored:
        self.spooled.adopt(storage)
        return Stored(self.spooled.sha256, self.spooled.size)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine: copied while it is hashed, so that what is stored is what was hashed."""

    name: str
    path: Path
    state: ReadState | None = None

    @property
    def is_archive(self) -> bool:
        return archives.is_archive(self.name, None)

    def looked_up(self, known: KnownFiles | None) -> LocalFile:
        taken = time.time_ns()
        try:
            stat = self.path.stat()
        except OSError as error:
            raise InvalidRequest("unreadable", reason=f"{self.path}: {error.strerror}") from error
        sha256 = known.sha256(self.path, stat) if known is not None else None
        return replace(self, state=ReadState(self.path, stat, taken, sha256))

    def missing_bytes(self, storage: Storage, limit: int, remote: bool) -> int | None:
        assert self.state is not None
        sha256 = self.state.sha256
        # An object store is not asked for every photo; there the blob is looked for when it is stored.
        if sha256 and (remote or storage.has(sha256)):
            return None
        return min(self.state.stat.st_size, limit + 1)

    def store(self, storage: Storage, limit: int) -> Stored:
        state = self.state
        assert state is not None
        if state.sha256 and storage.keep(state.sha256):
            return Stored(state.sha256, min(state.stat.st_size, limit + 1), state)
        spooled = SpooledFile(storage.spool_dir(), limit)
        spooled.fill(_pieces(self.path))
        try:
            spooled.adopt(storage)
        finally:
            spooled.close()
        return Stored(spooled.sha256, spooled.size, state)


def local_files(paths: Sequence[Path], left_out: Counter[str] | None = None) -> list[LocalFile]:
    """Every photo: a file as it is named, a folder's photos at any depth, zip files as they are.

    `left_out` counts what else the folders hold, by kind. Raises InvalidRequest: `path_missing` for a path that is not
    there, `no_files`, `no_photos_in` where there are only other files.
    """
    left_out = Counter() if left_out is None else left_out
    found = list(walked(paths, left_out))
    require_photos(len(found), left_out)
    return found


def walked(paths: Sequence[Path], left_out: Counter[str]) -> Iterator[LocalFile]:
    """The same one by one, also where there are none. Raises InvalidRequest (`path_missing`)."""
    for path in paths:
        if path.is_dir():
            yield from _below(path, left_out)
        elif path.is_file():
            yield LocalFile(path.name, path)
        else:
            raise InvalidRequest("path_missing", path=str(path))


def require_photos(number: int, left_out: Counter[str]) -> None:
    """Raises InvalidRequest (`no_files`, `no_photos_in`) where there is no photo."""
    if number:
        return
    if told := left_out_sentence(left_out):
        raise InvalidRequest("no_photos_in", left_out=told)
    raise InvalidRequest("no_files")


def _below(folder: Path, left_out: Counter[str]) -> Iterator[LocalFile]:
    def unreadable(_: OSError) -> None:
        clutter.count(left_out, clutter.UNREADABLE_FOLDER)

    for where, folders, names in os.walk(folder, onerror=unreadable):
        systems = [name for name in folders if clutter.is_system(name)]
        clutter.count(left_out, clutter.SYSTEM, len(systems))
        folders[:] = sorted(set(folders).difference(systems))
        for name in sorted(names):
            path = Path(where, name)
            kind = clutter.left_out_kind(name)
            if kind is None and (path.is_file() or not path.exists()):
                yield LocalFile(str(Path(folder.resolve().name) / path.relative_to(folder)), path)
            else:
                clutter.count(left_out, kind or clutter.SYSTEM)


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with open_regular(path) as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    except OSError as error:
        raise InvalidRequest("unreadable", reason=f"{path}: {error.strerror}") from error
    except PhotoError as error:
        raise InvalidRequest("unreadable", reason=f"{path}: {error}") from error
