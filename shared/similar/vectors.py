"""The embeddings of a job's photos as one array, read from its projection and kept while they are asked for."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.core.errors import NotFound

Halves = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

#: Bytes of arrays that are kept: 600,000 photos of 512 columns.
_KEPT_BYTES = 600 << 20
#: Rows that are compared at a time: float16 has to become float32 first.
_BLOCK = 16_384
#: Rows that `read_parts` reads at a time.
_PART = 50_000
_ALL = "SELECT idx, vector FROM vectors ORDER BY idx"


@dataclass(frozen=True, eq=False)
class Vectors:
    """The photos of one job that have an embedding."""

    #: [n] positions in the job, ascending.
    items: Ints
    #: [n, d] float16, L2-normalised rows.
    rows: Halves

    def of(self, item: int) -> Floats:
        """[d] float32, the embedding of the photo at this position. Raises NotFound."""
        found: Floats = self.rows[self.row(item)].astype(np.float32)
        return found

    def row(self, item: int) -> int:
        """The row of the photo at this position. Raises NotFound."""
        at = int(np.searchsorted(self.items, item))
        if at == len(self.items) or self.items[at] != item:
            raise NotFound(what=f"item {item}")
        return at

    def chosen(self, items: Ints) -> Vectors:
        """Only the photos at these positions (those of them that have an embedding)."""
        keep = np.isin(self.items, items)
        return Vectors(self.items[keep], self.rows[keep])

    def cosines(self, query: Floats) -> Floats:
        """[n] float32, with one query [d]."""
        found = np.empty(len(self.rows), np.float32)
        for start in range(0, len(self.rows), _BLOCK):
            found[start : start + _BLOCK] = self.rows[start : start + _BLOCK].astype(np.float32) @ query
        return found


class KeptVectors:
    """Reads projections, and keeps what was read while the file is unchanged, up to `_KEPT_BYTES`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[str, tuple[object, Vectors]] = OrderedDict()

    def one(self, job_id: str, item: int) -> Floats:
        """[d] float32, the embedding of one photo, without those of its job where they were not read yet. Raises as
        `of_job`."""
        if job_id in self._kept:
            return self.of_job(job_id).of(item)
        path = self._folder / f"{job_id}.sqlite"
        if not path.is_file():
            raise NotFound(what=f"job {job_id}")
        with closing(_opened(path)) as db:
            row = db.execute("SELECT vector FROM vectors WHERE idx = ?", [item]).fetchone()
        if row is None:
            raise NotFound(what=f"item {item}")
        return np.frombuffer(row[0], np.float16).astype(np.float32)

    def of_job(self, job_id: str) -> Vectors:
        """Raises NotFound where the job has no projection, sqlite3.Error where it is damaged."""
        path = self._folder / f"{job_id}.sqlite"
        state = _state(path)
        if not state:
            raise NotFound(what=f"job {job_id}")
        kept = self._kept.get(job_id)
        if kept is None or kept[0] != state:
            kept = (state, read(path))
        self._kept[job_id] = kept
        self._kept.move_to_end(job_id)
        while len(self._kept) > 1 and sum(v.rows.nbytes for _, v in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return kept[1]


def read(path: Path) -> Vectors:
    """All embeddings in a projection, without changing the file."""
    with closing(_opened(path)) as db:
        return _made(db.execute(_ALL).fetchall())


def read_parts(path: Path) -> Iterator[Vectors]:
    """The same, so many at a time that a job of any size takes little memory."""
    with closing(_opened(path)) as db:
        rows = db.execute(_ALL)
        while found := rows.fetchmany(_PART):
            yield _made(found)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)


def _made(found: list[tuple[int, bytes]]) -> Vectors:
    # Those of the first photo decide; another length would be another model's.
    size = len(found[0][1]) if found else 0
    fitting = [(item, data) for item, data in found if len(data) == size]
    rows = np.frombuffer(b"".join(data for _, data in fitting), np.float16)
    return Vectors(np.array([item for item, _ in fitting], np.int64), rows.reshape(len(fitting), size // 2))


def _state(path: Path) -> list[tuple[int, int]]:
    found = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        with suppress(FileNotFoundError):
            stat = file.stat()
            found.append((stat.st_mtime_ns, stat.st_size))
    return found
