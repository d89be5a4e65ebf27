"""The files behind a job's photos: where links point to, and what copies are made of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.core.errors import NotFound
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem
from shared.storage import Storage

_PIECE = 1 << 20


class Unfit(Exception):
    """A photo that cannot be placed, and why: `missing changed in_the_way unreadable`."""


class Sources:
    def __init__(self, job: Job, storage: Storage) -> None:
        self._storage = storage
        self._folder = Path(job.path) if job.path is not None else None

    @property
    def folder(self) -> Path | None:
        """The folder of the originals; None for uploads, which Weft holds itself."""
        return self._folder

    def original(self, row: ShownItem) -> Path:
        """A folder job's photo. Raises Unfit (`missing`)."""
        assert self._folder is not None
        path = self._folder / row["name"]
        if ".." in path.parts or not path.is_relative_to(self._folder) or not path.is_file():
            raise Unfit("missing")
        return path

    def copy(self, row: ShownItem, target: Path) -> None:
        """Writes the photo to a new file `target`; what is no longer the photo that was classified is not taken.

        Raises Unfit (`missing`, `changed`), OSError.
        """
        digest = hashlib.sha256()
        with self._file(row) as path, path.open("rb") as file:
            with target.open("xb") as made:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    made.write(piece)
            if row["sha256"] is not None and digest.hexdigest() != row["sha256"]:
                raise Unfit("changed")
            if self._folder is not None:
                found = os.fstat(file.fileno())
                os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))

    @contextmanager
    def _file(self, row: ShownItem) -> Iterator[Path]:
        if self._folder is not None:
            yield self.original(row)
            return
        if row["sha256"] is None:
            raise Unfit("missing")
        try:
            with self._storage.local_copy(row["sha256"]) as path:
                yield path
        except NotFound:
            raise Unfit("missing") from None
