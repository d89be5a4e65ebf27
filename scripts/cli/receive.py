"""Copying files of this machine into storage: what is stored already is skipped, the rest is hashed while it is copied.

Files are copied and synced to disk by several threads: a disk takes many syncs together for little more than one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shared.core.errors import InvalidRequest, PhotoError, Unavailable
from shared.core.files import disk_errors
from shared.core.names import display_name
from shared.core.settings import Settings
from shared.jobs.admission import disk_reserve
from shared.jobs.intake import archives
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.model import Item
from shared.photos.regular_files import open_regular
from shared.storage import Storage

_PIECE = 1024 * 1024
#: Files that are copied at a time.
THREADS = 16
#: Copied files after which what is known of them is written down: so many are read again after a crash at the most.
_COMMIT_EVERY = 256


@dataclass(frozen=True, slots=True)
class Survey:
    """What a submission would copy, before anything is copied."""

    photos: int
    #: Photos that are in storage already.
    known: int
    #: Bytes of the others.
    bytes: int


@dataclass(frozen=True, slots=True)
class _Stored:
    sha256: str
    size: int
    #: The file and its state before it was read; None for a zip member.
    source: tuple[Path, os.stat_result, int] | None = None


def survey(files: Sequence[tuple[str, Path]], storage: Storage, settings: Settings, known: KnownFiles) -> Survey:
    """Counts, and checks the limits.

    Raises InvalidRequest (`zip_*`, `too_many_files`, `unreadable`), Unavailable (`disk_too_small`).
    """
    photos = stored = size = 0
    for name, path in files:
        if _is_zip(name, path):
            with archives.opened(path, name, **_limits(settings)) as archive:
                photos += len(archive)
                size += archive.unpacked
        else:
            stat = _stat(path)
            sha256 = known.sha256(path, stat)
            photos += 1
            if sha256 and (settings.storage_url or storage.has(sha256)):
                stored += 1
            else:
                size += min(stat.st_size, settings.max_photo_bytes + 1)
        if photos > settings.max_upload_files:
            raise InvalidRequest("too_many_files", limit=settings.max_upload_files)
    usage = shutil.disk_usage(storage.spool_dir())
    if not settings.storage_url and usage.free - size < disk_reserve(usage.total):
        raise Unavailable("disk_too_small", need=_megabytes(size), free=_megabytes(usage.free))
    return Survey(photos, stored, size)


def receive(
    files: Iterable[tuple[str, Path]],
    storage: Storage,
    settings: Settings,
    tell: Callable[[int], None] = lambda done: None,
    known: KnownFiles | None = None,
) -> list[Item]:
    """Copy files into storage and return them as items, zip members in their archive's place; `tell` gets the count.

    Interrupted, it leaves in `known` what was stored. Raises InvalidRequest (`zip_*`, `too_many_files`, `unreadable`),
    Unavailable (`disk_full`).
    """
    found: list[tuple[str, Future[_Stored]]] = []
    items: list[Item] = []
    members: list[Path] = []
    pool = ThreadPoolExecutor(THREADS)
    try:
        for name, future in _begun(files, storage, settings, pool, known, members):
            if len(found) == settings.max_upload_files:
                raise InvalidRequest("too_many_files", limit=settings.max_upload_files)
            found.append((name, future))
        for name, future in found:
            stored = future.result()
            items.append(Item(index=len(items), name=display_name(name), sha256=stored.sha256, size=stored.size))
            if known is not None and len(items) % _COMMIT_EVERY == 0:
                _remember(known, [done for _, done in found[len(items) - _COMMIT_EVERY : len(items)]])
            tell(len(items))
    finally:
        # After an error: what is being copied is finished, the rest is not begun.
        pool.shutdown(cancel_futures=True)
        for spooled in members:
            spooled.unlink(missing_ok=True)
        if known is not None:
            _remember(known, [done for _, done in found[len(items) // _COMMIT_EVERY * _COMMIT_EVERY :]])
    if not items:
        raise InvalidRequest("no_files")
    return items


def _begun(
    files: Iterable[tuple[str, Path]],
    storage: Storage,
    settings: Settings,
    pool: ThreadPoolExecutor,
    known: KnownFiles | None,
    members: list[Path],
) -> Iterator[tuple[str, Future[_Stored]]]:
    """Every photo with the future of its copy; `members` gets the temporary files of zip members."""
    limit = settings.max_photo_bytes
    for name, path in files:
        if _is_zip(name, path):
            with archives.opened(path, name, **_limits(settings)) as archive:
                for member, pieces in archive.members():
                    # An archive is read by one thread; the sync of what came out of it is left to the others.
                    spooled, sha256, size = _spooled(pieces, storage, limit)
                    members.append(spooled)
                    yield member, pool.submit(_adopted, spooled, sha256, size, storage)
        else:
            taken = time.time_ns()
            stat = _stat(path)
            sha = known.sha256(path, stat) if known is not None else None
            yield name, pool.submit(_copied, path, stat, taken, sha, storage, limit)


def _copied(
    path: Path, stat: os.stat_result, taken_ns: int, sha256: str | None, storage: Storage, limit: int
) -> _Stored:
    source = (path, stat, taken_ns)
    if sha256 and storage.keep(sha256):
        return _Stored(sha256, min(stat.st_size, limit + 1), source)
    spooled, digest, size = _spooled(_pieces(path), storage, limit)
    return _Stored(digest, _adopted(spooled, digest, size, storage).size, source)


def _spooled(pieces: Iterator[bytes], storage: Storage, limit: int) -> tuple[Path, str, int]:
    """Hash while copying, so that what is stored is what was hashed. Of a photo over the limit one byte more is kept:
    enough for the worker to refuse it."""
    digest, size = hashlib.sha256(), 0
    spooled = storage.spool_dir() / f"submit-{uuid.uuid4().hex}"
    try:
        with disk_errors(), spooled.open("xb") as file:
            for piece in pieces:
                kept = piece[: max(0, limit + 1 - size)]
                digest.update(kept)
                size += len(kept)
                file.write(kept)
    except BaseException:
        spooled.unlink(missing_ok=True)
        raise
    return spooled, digest.hexdigest(), size


def _adopted(spooled: Path, sha256: str, size: int, storage: Storage) -> _Stored:
    try:
        with disk_errors():
            storage.adopt(spooled, sha256)
    finally:
        spooled.unlink(missing_ok=True)
    return _Stored(sha256, size)


def _remember(known: KnownFiles, futures: Iterable[Future[_Stored]]) -> None:
    for future in futures:
        if future.done() and not future.cancelled() and future.exception() is None and future.result().source:
            path, stat, taken = future.result().source or (Path(), os.stat_result([0] * 10), 0)
            known.remember(path, stat, taken, future.result().sha256)
    known.commit()


def _is_zip(name: str, path: Path) -> bool:
    # By its first bytes, too: nobody types a content type here.
    return archives.is_archive(name, None) and zipfile.is_zipfile(path)


def _limits(settings: Settings) -> dict[str, int]:
    return {"max_files": settings.max_upload_files, "max_bytes": settings.max_upload_bytes}


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise InvalidRequest("unreadable", reason=f"{path}: {error.strerror}") from error


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with open_regular(path) as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise InvalidRequest("unreadable", reason=f"{path}: {error.strerror}") from error
    except PhotoError as error:
        raise InvalidRequest("unreadable", reason=f"{path}: {error}") from error


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
