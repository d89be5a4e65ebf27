"""Photos of this machine as a job: folders by reference where workers may read them, all else copied into storage."""

from __future__ import annotations

import hashlib
import os
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from shared import archives
from shared.bank.store import BankStore
from shared.errors import BankError, InvalidRequest
from shared.formats import is_photo_name
from shared.names import path_name
from shared.settings import Settings
from shared.storage import Storage
from shared.types import Item, JobSpec, Lane

#: A job of at most this many photos is somebody waiting; more is a night's work.
INTERACTIVE_ITEMS = 16
_PIECE = 1024 * 1024


def spec(
    settings: Settings,
    *,
    kind: str,
    name: str,
    preset: str | None,
    lane: Lane,
    path: Path | None = None,
    not_before: float | None = None,
) -> JobSpec:
    """A job pinned to the bank in force and the encoder that built it. Raises BankError (`no_bank`)."""
    banks = BankStore(settings)
    version = banks.current()
    if version is None:
        raise BankError("no_bank")
    manifest = banks.manifest(version)
    return JobSpec(
        name=name,
        preset=preset or settings.preset_for(kind),
        lane=lane,
        kind=kind,
        bank=version,
        model=manifest["model"],
        identity=manifest["identity"],
        path=str(path) if path else None,
        not_before=not_before,
    )


def readable_by_workers(folder: Path, settings: Settings) -> bool:
    """Whether the folder, symlinks followed, lies below one of the roots that folder jobs may read."""
    real = Path(os.path.realpath(folder))
    return any(real.is_relative_to(os.path.realpath(root)) for root in settings.roots)


def photos_in(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """(name, file) of every photo: a file as it is named, a folder's photos at any depth, zip files as they are.

    Raises InvalidRequest: `folder_missing` for a path that is not there, `no_files`.
    """
    found: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            found.extend(_below(path))
        elif path.is_file():
            found.append((path.name, path))
        else:
            raise InvalidRequest("path_missing", path=str(path))
    if not found:
        raise InvalidRequest("no_files")
    return found


def receive(
    files: Iterable[tuple[str, Path]],
    storage: Storage,
    settings: Settings,
    tell: Callable[[int], None] = lambda done: None,
) -> list[Item]:
    """Copy files into storage and return them as items, zip members in their archive's place; `tell` gets the count.

    Raises InvalidRequest (`zip_*`, `too_many_files`, `unreadable`).
    """
    items: list[Item] = []
    known: set[str] = set()
    for name, pieces in _contents(files, settings):
        if len(items) == settings.max_upload_files:
            raise InvalidRequest("too_many_files", limit=settings.max_upload_files)
        sha256, size = _keep(pieces, storage, known, settings.max_photo_bytes)
        items.append(Item(index=len(items), name=path_name(name), sha256=sha256, size=size))
        tell(len(items))
    if not items:
        raise InvalidRequest("no_files")
    return items


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(filter(is_photo_name, names)):
            path = Path(where, name)
            yield str(Path(folder.resolve().name) / path.relative_to(folder)), path


def _contents(files: Iterable[tuple[str, Path]], settings: Settings) -> Iterator[tuple[str, Iterator[bytes]]]:
    for name, path in files:
        # By its first bytes, too: nobody types a content type here.
        if archives.is_archive(name, None) and zipfile.is_zipfile(path):
            limits = {"max_files": settings.max_upload_files, "max_bytes": settings.max_upload_bytes}
            with archives.opened(path, name, **limits) as archive:
                yield from archive.members()
        else:
            yield name, _pieces(path)


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise InvalidRequest("unreadable", reason=f"{path}: {error.strerror}") from error


def _keep(pieces: Iterator[bytes], storage: Storage, known: set[str], limit: int) -> tuple[str, int]:
    """Hash while copying, so that what is stored is what was hashed. Of a photo over the limit one byte more is kept:
    enough for the worker to refuse it."""
    digest, size = hashlib.sha256(), 0
    spooled = storage.spool_dir() / f"submit-{uuid.uuid4().hex}"
    try:
        with spooled.open("xb") as file:
            for piece in pieces:
                kept = piece[: max(0, limit + 1 - size)]
                digest.update(kept)
                size += len(kept)
                file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        sha256 = digest.hexdigest()
        if sha256 not in known and not storage.has(sha256):
            storage.adopt(spooled, sha256)
        known.add(sha256)
        return sha256, size
    finally:
        spooled.unlink(missing_ok=True)
