"""Lists a folder job, lazily and in a fixed order, so that a lister that died goes on where it was."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from shared.core.errors import Unavailable
from shared.core.names import path_name
from shared.core.settings import CHUNK_ITEMS
from shared.jobs.admission import MEMORY_FOR_LISTING, memory_share
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.ledger.submission import SHARES, guided
from shared.jobs.model import Item, Job
from shared.photos.formats import is_photo_name

_log = structlog.get_logger(__name__)

#: Photos at the end of a folder that are cut into smaller chunks.
_TAIL = SHARES * CHUNK_ITEMS


def photos_below(root: Path, after: str | None = None) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """(path relative to `root`, entry) of every photo, by name, folders in their place; from behind `after` on.

    Links to folders are not followed (they may lead in circles); links to files are listed, and the worker that reads
    one refuses it where it leads out of the allowed roots. Folders that cannot be read are skipped and logged.
    """
    # A list of open folders, not recursion: folders may be nested deeper than Python's stack.
    open_folders = [("", _entries(str(root), after.split("/") if after else None))]
    while open_folders:
        prefix, entries = open_folders[-1]
        if (found := next(entries, None)) is None:
            open_folders.pop()
            continue
        entry, resumed = found
        if _is_folder(entry):
            # An empty rest means that the cursor is this very name: a file then, a folder now; list it whole.
            open_folders.append((f"{prefix}{entry.name}/", _entries(entry.path, resumed or None)))
        elif is_photo_name(entry.name) and resumed is None and _readable_kind(entry):
            yield prefix + entry.name, entry


def _entries(folder: str, after: list[str] | None) -> Iterator[tuple[os.DirEntry[str], list[str] | None]]:
    """The folder's entries by name from the cursor on, and what of the cursor lies below each."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda e: e.name)
    except OSError as error:
        _log.warning("folder_skipped", folder=folder, reason=error.strerror)
        return
    for entry in found:
        if entry.name.startswith(".") or (after and entry.name < after[0]):
            continue
        yield entry, after[1:] if after and entry.name == after[0] else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _readable_kind(entry: os.DirEntry[str]) -> bool:
    """A file, or a link to one or to nothing (it was a photo: it fails with a reason); no pipe, socket or folder."""
    try:
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return False


class Lister(threading.Thread):
    """Lists one job; ends by itself when the job is listed, stopped, or the ledger is gone."""

    def __init__(self, ledger: Ledger, dispatcher_ledger: DispatcherLedger, job: Job) -> None:
        super().__init__(name=f"list-{job.id}", daemon=True)
        self._ledger = ledger
        self._dispatcher_ledger = dispatcher_ledger
        self._job = job
        #: It ended by trouble of its own, not because the ledger was away or full.
        self.failed = False

    def run(self) -> None:
        # Either way the dispatcher starts another lister, which goes on behind the last chunk.
        try:
            self._list()
        except Unavailable as error:
            _log.warning("listing_interrupted", job=self._job.id, code=error.code)
        except Exception as error:
            _log.error("listing_failed", job=self._job.id, error=repr(error))
            self.failed = True

    def _list(self) -> None:
        root = Path(self._job.path or "")
        if not root.is_dir():
            self._dispatcher_ledger.append(self._job.id, [], "", last=True, note="folder_missing")
            return
        cursor = self._dispatcher_ledger.cursor(self._job.id)
        index = self._ledger.job(self._job.id).total
        # The list's end is held back until it is known to be the end: it is cut finer, so that workers end together.
        waiting: list[tuple[Item, str]] = []
        for name, entry in photos_below(root, cursor):
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            mtime = round(status.st_mtime, 3)
            waiting.append((Item(index, path_name(name), path=entry.path, size=status.st_size, mtime=mtime), name))
            index += 1
            if len(waiting) == _TAIL + CHUNK_ITEMS:
                if not self._append(waiting[:CHUNK_ITEMS]):
                    return
                del waiting[:CHUNK_ITEMS]
        for piece in guided(waiting, len(waiting)):
            if not self._append(piece):
                return
        self._dispatcher_ledger.append(self._job.id, [], "", last=True, note=None if index else "folder_empty")

    def _append(self, listed: Sequence[tuple[Item, str]]) -> bool:
        if memory_share(self._ledger) >= MEMORY_FOR_LISTING:
            raise Unavailable("memory_full")
        return self._dispatcher_ledger.append(self._job.id, [item for item, _ in listed], listed[-1][1], last=False)
