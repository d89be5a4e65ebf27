"""Makes a tree out of a job's results, goes on with one that was begun, and takes one back.

Nothing that was there before is ever replaced or removed, and no original is opened for writing. What was made is
written down in the tree (`manifest.py`), a few hundred files at a time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from shared.core.chunked import chunked
from shared.core.errors import Conflict, InvalidRequest
from shared.core.files import disk_errors
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem
from shared.jobs.sorting.manifest import FILE, Made, Manifest, is_ours, mark_of
from shared.jobs.sorting.naming import Template, numbered
from shared.jobs.sorting.outcome import Sorted, Undone, Way
from shared.jobs.sorting.sidecars import Sidecars, SidecarWriter
from shared.jobs.sorting.sources import Sources, Unfit
from shared.storage import Storage

#: Folder of unfinished copies, and files between two commits of the manifest.
PARTS, _BATCH = ".weft-sort-parts", 200
#: What the file system says where it has no links of this kind, or not across its border.
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


class Tree:
    """The tree of one job in one folder.

    Raises:
        InvalidRequest: `sort_target` (inside the photos' folder or around it, or inside Weft's data),
            `sort_uploads_are_copied`.
    """

    def __init__(self, job: Job, storage: Storage, target: Path, data_dir: Path) -> None:
        self._job, self._root = job, target.resolve()
        self._sources = Sources(job, storage)
        source, data = self._sources.folder, data_dir.resolve()
        forbidden = [data] if source is None else [data, source.resolve()]
        around = source is not None and source.resolve().is_relative_to(self._root)
        if around or any(self._root.is_relative_to(folder) for folder in forbidden):
            raise InvalidRequest("sort_target", path=str(target), source=str(source or data))
        self._safe: set[str] = set()

    def run(
        self,
        rows: Iterable[ShownItem],
        template: Template,
        way: Way | None = None,
        sidecars: Sidecars | None = None,
        dry: bool = False,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Sorted:
        """Places the photos that are not in their place yet. `way`: links, or copies for uploads, where not given.

        Raises Conflict (`sort_running`, `sort_unknown`, `sort_no_links`), InvalidRequest, Unavailable (`disk_full`).
        """
        uploads = self._sources.folder is None
        if uploads and way not in (None, Way.COPY):
            raise InvalidRequest("sort_uploads_are_copied")
        chosen = way or (Way.COPY if uploads else Way.LINK)
        if uploads and sidecars is not None and sidecars.beside_originals:
            raise InvalidRequest("sort_no_originals")
        found, done = Sorted(), 0
        writer = SidecarWriter(self._job.id, self._root, self._sources, sidecars) if sidecars else None
        with disk_errors(), self._opened(dry) as manifest:
            for batch in chunked(rows, _BATCH):
                manifest.begin()
                # Written down, then made: whoever is killed in between finds its own files again.
                steps = [step for row in batch for step in self._plan(manifest, row, template, chosen, found, dry)]
                manifest.commit()
                if not dry:
                    for step in steps:
                        self._do(step)
                if writer is not None:
                    written, refused = writer.write(manifest, batch, dry)
                    found.sidecars += written
                    found.sidecars_refused += refused
                done += len(batch)
                progress(done)
        return found

    def undo(self, progress: Callable[[int], None] = lambda done: None) -> Undone:
        """Removes what was made for the job, as far as nobody has changed it since, and folders that are empty then."""
        found = Undone()
        if not (self._root / FILE).exists():
            return found
        with self._opened() as manifest:
            for number, made in enumerate(manifest.all(self._job.id)):
                path = self._root / made.place
                if is_ours(self._root, made):
                    path.unlink()
                    found.removed += 1
                elif os.path.lexists(path):
                    found.left += 1
                manifest.drop(self._job.id, made)
                progress(number + 1)
            for place in manifest.folders():
                with suppress(OSError):
                    (self._root / place).rmdir()
                    manifest.forget_folder(place)
            over = manifest.empty()
        if over:
            shutil.rmtree(self._root / PARTS, ignore_errors=True)
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
                (self._root / name).unlink(missing_ok=True)
            with suppress(OSError):
                self._root.rmdir()
        return found

    @contextmanager
    def _opened(self, dry: bool = False) -> Iterator[Manifest]:
        if dry:
            manifest = Manifest(self._root, trial=True)
            yield manifest
            manifest.close()
            return
        parts = self._root / PARTS
        parts.mkdir(parents=True, exist_ok=True)
        lock = os.open(parts, os.O_RDONLY)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("sort_running", path=str(self._root)) from None
            for left in parts.iterdir():
                left.unlink()
            manifest = Manifest(self._root)
            try:
                yield manifest
            finally:
                manifest.close()
        finally:
            os.close(lock)

    def _plan(
        self, manifest: Manifest, row: ShownItem, template: Template, way: Way, found: Sorted, dry: bool
    ) -> list[_Step]:
        """What is to be done for one photo, written down."""
        idx, place = row["index"], template.place(row)
        way = Way.COPY if self._sources.is_copied(row) else way
        known = manifest.find(self._job.id, idx, "photo")
        there = known is not None and os.path.lexists(self._root / known.place)
        ours = known is not None and is_ours(self._root, known)
        settled = known is not None and known.way == way and known.place in (place, numbered(place, idx))
        if there and (settled or not ours):
            found.kept += 1
            found.changed += not ours
            found.folders[place.rpartition("/")[0]] += 1
            return []
        try:
            free = self._free(manifest, place, idx, known)
            made = self._begin(manifest, row, free, way, known if ours or not there else None, ours, dry)
        except Unfit as why:
            if row["status"] == "failed" and str(why) == "missing":
                found.without_file += 1
            else:
                found.tell(row["name"], str(why))
            return []
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            found.tell(row["name"], "unreadable")
            return []
        manifest.put(self._job.id, made.made)
        found.folders[place.rpartition("/")[0]] += 1
        found.made += not made.moved
        found.moved += made.moved
        return [made]

    def _begin(
        self, manifest: Manifest, row: ShownItem, place: str, way: Way, known: Made | None, ours: bool, dry: bool
    ) -> _Step:
        """The step that makes the photo's file at `place`. Raises Unfit, OSError."""
        self._note_folders(manifest, place)
        path = self._root / place
        if known is not None and known.way == way and (ours or os.path.lexists(path)):
            if ours and not dry:
                # At once: if it is killed here, the file is found under its new name (`_free`).
                path.parent.mkdir(parents=True, exist_ok=True)
                os.rename(self._root / known.place, path)
            return _Step(replace(known, place=place), moved=True)
        step = self._made(row, place, way, dry)
        if ours and known is not None and not dry:
            # Made in another way before.
            (self._root / known.place).unlink()
        return step

    def _free(self, manifest: Manifest, place: str, idx: int, known: Made | None) -> str:
        """The path that the photo gets. Raises Unfit (`in_the_way`)."""
        self._check_folders(place)
        for wanted in (place, numbered(place, idx)):
            if manifest.taken(wanted, self._job.id, idx):
                continue
            path = self._root / wanted
            # A run that was killed after it had moved the file did not write it down.
            if not os.path.lexists(path) or (known and is_ours(self._root, replace(known, place=wanted))):
                return wanted
        raise Unfit("in_the_way")

    def _check_folders(self, place: str) -> None:
        """No folder on the way may be a link, which could lead out of the tree, or a file."""
        parts = place.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            path = self._root / folder
            if folder in self._safe:
                continue
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                raise Unfit("in_the_way")
            if path.exists():
                self._safe.add(folder)

    def _note_folders(self, manifest: Manifest, place: str) -> None:
        parts = place.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if not (self._root / folder).exists():
                manifest.folder(folder)

    def _made(self, row: ShownItem, place: str, way: Way, dry: bool) -> _Step:
        """The step of a new file; a copy is made already, under another name. Raises Unfit, OSError."""
        idx = row["index"]
        if way is Way.COPY:
            if dry:
                return _Step(Made(idx, "photo", place, way, ""))
            part = self._root / PARTS / str(idx)
            try:
                self._sources.copy(row, part)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            return _Step(Made(idx, "photo", place, way, mark_of(part, way)), part)
        source = self._sources.original(row)
        mark = str(source) if way is Way.LINK else f"{source.stat().st_ino}"
        return _Step(Made(idx, "photo", place, way, mark), source)

    def _do(self, step: _Step) -> None:
        path = self._root / step.made.place
        if step.source is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if step.made.way == Way.COPY:
                os.rename(step.source, path)
            elif step.made.way == Way.LINK:
                os.symlink(step.source, path)
            else:
                # `link` of an original that is a link itself would make another such link.
                os.link(os.path.realpath(step.source), path)
        except OSError as error:
            if step.made.way != Way.COPY and error.errno in _NO_LINKS:
                raise Conflict("sort_no_links", reason=os.strerror(error.errno)) from error
            raise


@dataclass(frozen=True, slots=True)
class _Step:
    """A file that is written down and not made yet."""

    made: Made
    #: The original, or the finished copy under another name; None: nothing is left to do.
    source: Path | None = None
    #: It was there already, elsewhere.
    moved: bool = False
