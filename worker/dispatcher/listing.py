"""Lists a folder job, lazily and in a fixed order, so that a lister that died continues where it was."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from shared.core.errors import NotFound, Unavailable, WeftError
from shared.core.names import path_name
from shared.core.settings import CHUNK_ITEMS
from shared.jobs.admission import MEMORY_FOR_LISTING, memory_share
from shared.jobs.intake.folders import SHARE_ERRORS, holds_something, is_folder
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.ledger.submission import SHARES, guided
from shared.jobs.model import WAITS_FOR_SHARE, Item, Job
from shared.photos import clutter

_log = structlog.get_logger(__name__)

#: Photos at the end of a folder that are cut into smaller chunks.
_TAIL = SHARES * CHUNK_ITEMS
#: Seconds between two looks at the ledger's memory; a folder is listed at some tens of thousands of photos/s.
_MEMORY_INTERVAL = 0.1


class ShareGone(Exception):
    """The folder that is being listed cannot be read any more: its share is gone, not its photos."""


def photos_below(
    root: Path, after: str | None = None, left_out: Counter[str] | None = None
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """(path relative to `root`, entry) of every photo, by name, folders in their place; from behind `after` on.

    Links to folders are not followed (they may lead in circles); links to files are listed, and the worker that reads
    one refuses it where it leads out of the allowed roots. `left_out` counts the rest by kind; folders that cannot be
    read are counted and logged, too.

    Raises ShareGone where the root itself is gone meanwhile.
    """
    left_out = Counter() if left_out is None else left_out
    # A list of open folders, not recursion: folders may be nested deeper than Python's stack.
    open_folders = [("", _entries(root, str(root), after.split("/") if after else None, left_out))]
    while open_folders:
        prefix, entries = open_folders[-1]
        if (found := next(entries, None)) is None:
            open_folders.pop()
            continue
        entry, resumed = found
        # Looked at part by part: the folders above were let in.
        kind = clutter.left_out_kind(entry.name)
        if is_folder(entry):
            if kind == clutter.SYSTEM:
                # Its files are not looked at: it counts as one.
                clutter.count(left_out, kind)
                continue
            # An empty rest means that the cursor is this very name: a file then, a folder now; list it whole.
            open_folders.append((f"{prefix}{entry.name}/", _entries(root, entry.path, resumed or None, left_out)))
        elif resumed is None:
            if kind is None and _readable_kind(entry):
                yield prefix + entry.name, entry
            else:
                # A pipe or a link to a folder, whatever it is called, counts as something of the system.
                clutter.count(left_out, kind or clutter.SYSTEM)


def _entries(
    root: Path, folder: str, after: list[str] | None, left_out: Counter[str]
) -> Iterator[tuple[os.DirEntry[str], list[str] | None]]:
    """The folder's entries by name from the cursor on, and what of the cursor lies below each."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda e: e.name)
    except OSError as error:
        if error.errno in SHARE_ERRORS or not holds_something(root):
            raise ShareGone from error
        _log.warning("folder_skipped", folder=folder, reason=error.strerror)
        clutter.count(left_out, clutter.UNREADABLE_FOLDER)
        return
    if not found and folder != str(root) and not holds_something(root):
        # Of the share, the mount point alone is left.
        raise ShareGone
    for entry in found:
        if after and entry.name < after[0]:
            continue
        yield entry, after[1:] if after and entry.name == after[0] else None


def _readable_kind(entry: os.DirEntry[str]) -> bool:
    """A file, or a link to one or to nothing (it was a photo: it fails with a reason); no pipe, socket or folder."""
    try:
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that is not appended yet: its name is the cursor, `left_out` what was left out up to it."""

    #: It, or its parts; without their indexes.
    items: Sequence[Item]
    name: str
    left_out: dict[str, int]


class Lister(threading.Thread):
    """Lists one job; ends by itself when the job is listed, stopped, or the ledger is gone."""

    def __init__(self, ledger: Ledger, dispatcher_ledger: DispatcherLedger, job: Job) -> None:
        super().__init__(name=f"list-{job.id}", daemon=True)
        self._ledger = ledger
        self._dispatcher_ledger = dispatcher_ledger
        self._job = job
        self._memory_asked = 0.0
        #: Items that are appended.
        self._total = 0
        #: It ended by trouble of its own, not because the ledger was away or full.
        self.failed = False

    def run(self) -> None:
        # Either way the dispatcher starts another lister, which continues behind the last chunk.
        try:
            self._list()
        except Unavailable as error:
            _log.warning("listing_interrupted", job=self._job.id, code=error.code)
        except ShareGone:
            self._wait_for_share()
        except NotFound:
            _log.info("listing_ended", job=self._job.id, reason="the job was deleted")
        except Exception as error:
            _log.error("listing_failed", job=self._job.id, error=repr(error))
            self.failed = True

    def _list(self) -> None:
        root = Path(self._job.path or "")
        cursor = self._dispatcher_ledger.cursor(self._job.id)
        job = self._ledger.job(self._job.id)
        if not holds_something(root) and (job.total or job.note == WAITS_FOR_SHARE or not root.is_dir()):
            raise ShareGone
        if job.note == WAITS_FOR_SHARE:
            _log.info("listing_resumed", job=job.id)
            self._dispatcher_ledger.note(job.id, None)
        self._total = job.total
        left_out = Counter(job.left_out)
        waiting: list[Listed] = []
        with self._parted(root, self._files(root, cursor, left_out)) as files:
            for file in files:
                waiting.append(file)
                if (due := self._due(waiting)) and not self._append(waiting[:due]):
                    return
                del waiting[:due]
        if not holds_something(root) and (self._total or waiting or left_out):
            # The last folders may have been read empty.
            raise ShareGone
        for piece in guided(waiting, len(waiting)):
            if not self._append(piece):
                return
        note = None if self._total else "folder_empty"
        self._dispatcher_ledger.append(self._job.id, [], "", last=True, note=note, left_out=left_out)

    def _files(self, root: Path, cursor: str | None, left_out: Counter[str]) -> Iterator[Listed]:
        """The photos behind the cursor, each as one item."""
        counted = dict(left_out)
        for name, entry in photos_below(root, cursor, left_out):
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                if error.errno in SHARE_ERRORS or not holds_something(root):
                    raise ShareGone from error
                # Removed since its folder was read.
                continue
            mtime = round(status.st_mtime, 3)
            if counted != left_out:
                counted = dict(left_out)
            item = Item(0, path_name(name), path=entry.path, size=status.st_size, mtime=mtime)
            yield Listed((item,), name, counted)

    def _parted(self, root: Path, files: Iterator[Listed]) -> AbstractContextManager[Iterator[Listed]]:
        """The same files, each with the items that it becomes."""
        return nullcontext(files)

    def _due(self, waiting: Sequence[Listed]) -> int:
        """How many of the files that wait are to be appended now.

        The list's end is held back until it is known to be the end: it is cut finer, so that workers end together.
        """
        return CHUNK_ITEMS if len(waiting) == _TAIL + CHUNK_ITEMS else 0

    def _append(self, listed: Sequence[Listed]) -> bool:
        """Files are appended whole: a lister that continues behind the last one has all of its items, each once."""
        now = time.monotonic()
        if now - self._memory_asked >= _MEMORY_INTERVAL:
            if memory_share(self._ledger) >= MEMORY_FOR_LISTING:
                raise Unavailable("memory_full")
            self._memory_asked = now
        last = listed[-1]
        parts = [item for file in listed for item in file.items]
        items = [replace(item, index=index) for index, item in enumerate(parts, start=self._total)]
        self._total += len(items)
        return self._dispatcher_ledger.append(self._job.id, items, last.name, last=False, left_out=last.left_out)

    def _wait_for_share(self) -> None:
        """Says what the job waits for; the dispatcher's next lister looks again."""
        try:
            job = self._ledger.job(self._job.id)
            if job.note != WAITS_FOR_SHARE and not job.ended:
                _log.warning("listing_waits_for_share", job=job.id, path=job.path)
                self._dispatcher_ledger.explain(job, WAITS_FOR_SHARE)
        except WeftError as error:
            _log.warning("listing_interrupted", job=self._job.id, code=error.code)
