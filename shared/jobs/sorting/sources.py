"""The files behind a job's photos: where links point to, and what copies are made of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.core.errors import NotFound, PhotoError
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem
from shared.jobs.splitting import Cutout
from shared.photos.box import Box
from shared.photos.viewing import Viewer
from shared.storage import Storage

_PIECE = 1 << 20


class Unfit(Exception):
    """A photo that cannot be placed, and why: `missing changed in_the_way unreadable`."""


class Sources:
    def __init__(self, job: Job, storage: Storage) -> None:
        self._storage = storage
        #: Starts no process before it is needed.
        self._viewer = Viewer()
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

        Raises Unfit (`missing`, `changed`, `unreadable`), OSError, Unavailable.
        """
        if cut := Cutout.to_cut(row):
            self._cut(cut, row, target)
            return
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

    def is_copied(self, row: ShownItem) -> bool:
        """Whether there is nothing that a link could lead to: an upload, or a swatch of a folder's card."""
        return self._folder is None or Cutout.to_cut(row) is not None

    def _cut(self, cut: Cutout, row: ShownItem, target: Path) -> None:
        """A JPEG of a swatch that has no file of its own."""
        card: Any = {**row, "name": cut.card, "sha256": cut.whole}
        with self._file(card) as path:
            data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != cut.whole:
            raise Unfit("changed")
        try:
            target.write_bytes(self._viewer.part(data, Box(*cut.box)).data)
        except PhotoError as error:
            raise Unfit("unreadable") from error

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
