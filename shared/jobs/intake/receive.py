"""Receiving photos: checked as a whole first, then stored, in the order they were sent.

Files are copied and synced to disk by several threads: a disk takes many syncs together for little more than one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from shared.core.errors import InvalidRequest
from shared.core.names import display_name
from shared.core.settings import Settings
from shared.jobs.admission import require_space
from shared.jobs.intake import archives
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.intake.sources import Source, Stored, Uploaded
from shared.jobs.intake.spool import SpooledFile
from shared.jobs.intake.unpacking import Unpacking
from shared.jobs.model import Item, Sent
from shared.jobs.notes import left_out_sentence
from shared.storage import Storage

#: Files that are stored at a time.
THREADS = 16
#: Copied files after which what is known of them is written down: at most this number is read again after a crash.
_COMMIT_EVERY = 256


@dataclass(frozen=True, slots=True)
class Survey:
    """What a submission would store, before anything is stored."""

    photos: int
    #: Photos that are in storage already.
    known: int
    #: Bytes that the others add to the disk.
    bytes: int
    #: Whether the number of photos is known: a tar tells only when it is unpacked.
    counted: bool = True


class Progress(Protocol):
    """Told how far a submission is."""

    def planned(self, survey: Survey) -> None:
        """All limits hold, and nothing is stored yet."""

    def stored(self, photos: int) -> None:
        """This number of photos is durable."""


class Unwatched:
    """Progress that nobody looks at."""

    def planned(self, survey: Survey) -> None: ...

    def stored(self, photos: int) -> None: ...


def survey(sources: Iterable[Source], storage: Storage, settings: Settings, known: KnownFiles | None = None) -> Survey:
    """Counts, and checks the limits.

    Raises InvalidRequest (`no_files`, `too_many_files`, `unreadable`, `zip_*`), Unavailable (`disk_too_small`).
    """
    photos = stored = size = 0
    empty = counted = True
    for source in sources:
        if source.is_archive:
            with _opened(source, settings) as archive:
                # What a tar holds, or an archive in an archive, only unpacking tells.
                photos += archive.photos or 0
                counted = counted and archive.photos is not None
                empty = empty and archive.empty
                size += archive.unpacked
        else:
            missing = source.looked_up(known).missing_bytes(
                storage, settings.max_photo_bytes, bool(settings.storage_url)
            )
            photos += 1
            empty = False
            stored += missing is None
            size += missing or 0
        if photos > settings.max_upload_files:
            raise InvalidRequest("too_many_files", limit=settings.max_upload_files)
    if empty:
        raise InvalidRequest("no_files")
    require_space(settings, size)
    return Survey(photos, stored, size, counted)


def receive(
    sources: Sequence[Source],
    storage: Storage,
    settings: Settings,
    known: KnownFiles | None = None,
    progress: Progress | None = None,
    left_out: Counter[str] | None = None,
) -> list[Item]:
    """Store the photos and return them as items, zip members in their archive's place; all bytes are durable then.

    `left_out` counts what archives hold besides photos. Interrupted, it leaves in `known` what was stored. Raises as
    `survey` does before anything is stored, and InvalidRequest (`no_photos_in`), Unavailable (`disk_full`).
    """
    progress = progress or Unwatched()
    progress.planned(survey(sources, storage, settings, known))
    found: list[tuple[str, Future[Stored]]] = []
    items: list[Item] = []
    members: list[SpooledFile] = []
    pool = ThreadPoolExecutor(THREADS)
    unpacking = Unpacking.of(settings, storage.spool_dir(), left_out)
    try:
        for photo in _photos(sources, unpacking, known, members):
            found.append((photo.name, pool.submit(photo.store, storage, settings.max_photo_bytes)))
        for name, future in found:
            stored = future.result()
            items.append(Item(index=len(items), name=display_name(name), sha256=stored.sha256, size=stored.size))
            if known is not None and len(items) % _COMMIT_EVERY == 0:
                _remember(known, [done for _, done in found[len(items) - _COMMIT_EVERY : len(items)]])
            progress.stored(len(items))
    finally:
        # After an error: what is being stored is finished, the rest is not begun.
        pool.shutdown(cancel_futures=True)
        for spooled in members:
            spooled.close()
        if known is not None:
            _remember(known, [done for _, done in found[len(items) // _COMMIT_EVERY * _COMMIT_EVERY :]])
    if not items:
        raise InvalidRequest("no_photos_in", left_out=left_out_sentence(unpacking.left_out) or "")
    return items


def keep_sent(
    sources: Sequence[Source],
    storage: Storage,
    settings: Settings,
    known: KnownFiles | None = None,
    progress: Progress | None = None,
) -> tuple[list[Sent], Survey]:
    """Store the files as they were sent, archives unopened but looked at: they are unpacked once the job is accepted.

    All bytes are durable then. Raises as `receive`.
    """
    progress = progress or Unwatched()
    found = survey(sources, storage, settings, known)
    progress.planned(found)
    stored: list[Future[Stored]] = []
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for source in sources:
                limit = settings.max_upload_bytes if source.is_archive else settings.max_photo_bytes
                stored.append(pool.submit(source.looked_up(known).store, storage, limit))
            sent = []
            for source, future in zip(sources, stored, strict=True):
                blob = future.result()
                sent.append(Sent(display_name(source.name), blob.sha256, blob.size, source.is_archive))
                progress.stored(len(sent))
        finally:
            # After an error, what is not begun is left.
            for future in stored:
                future.cancel()
            if known is not None:
                _remember(known, stored)
    return sent, found


def _photos(
    sources: Iterable[Source], unpacking: Unpacking, known: KnownFiles | None, members: list[SpooledFile]
) -> Iterator[Source]:
    """Every photo, those of an archive one by one; `members` gets the spooled files of archives' members."""
    for source in sources:
        if not source.is_archive:
            yield source.looked_up(known)
            continue
        # An archive is read by one thread; the sync of what came out of it is left to the others.
        for name, spooled in unpacking.photos(source.path, display_name(source.name)):
            members.append(spooled)
            yield Uploaded(name, spooled)


def _opened(source: Source, settings: Settings) -> AbstractContextManager[archives.Archive]:
    limits = {"max_files": settings.max_upload_files, "max_bytes": settings.max_upload_bytes}
    return archives.opened(source.path, display_name(source.name), **limits)


def _remember(known: KnownFiles, futures: Iterable[Future[Stored]]) -> None:
    for future in futures:
        if future.done() and not future.cancelled() and future.exception() is None:
            stored = future.result()
            if stored.source:
                known.remember(stored.source.path, stored.source.stat, stored.source.taken_ns, stored.sha256)
    known.commit()
