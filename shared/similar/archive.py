"""The embeddings of ended jobs' photos in files of their own, so that one request searches millions of them.

Each embedding is kept as it is (float16) and as one bit per column: above or below the mean of the first ones. A
search counts the bits that differ for all photos, which takes 64 bytes of each, and compares the nearest of them
exactly. Files only grow; `state.json` is written last, and what lies behind its count was never written.

The class stands for what is asked of such an index: `known`, `add`, `search`. A server may do the same (docs/scale.md).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.core.files import file_lock, fsync, write_atomic
from shared.similar.vectors import Floats, Halves, Vectors

#: Photos that are compared exactly: at least so many, and so many times as many as are wanted.
_EXACT, _TIMES = 2_000, 10
#: Rows whose bits are counted at a time.
_BLOCK = 1 << 17
#: Photos up to which this is meant: 1.1 KB of disk each, and 0.1 s per million and search.
MOST = 5_000_000

_FILES = ("vectors", "codes", "rows")
_EMPTY: dict[str, Any] = {"dim": 0, "count": 0, "jobs": [], "numbers": []}


class Archive:
    """Of the embeddings of one model. Several processes may search; one adds at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: By what tells one `state.json` from the next.
        self._read: tuple[tuple[int, int, int], dict[str, Any]] | None = None

    def known(self) -> dict[str, int]:
        """Job → its photos here, as they were counted when it was added."""
        jobs: dict[str, int] = dict(self._state()["jobs"])
        return jobs

    @property
    def photos(self) -> int:
        """Rows, those of jobs that were added again included."""
        return int(self._state()["count"])

    def add(self, job: str, parts: Iterable[Vectors]) -> int:
        """Adds a job's photos, a part at a time, and returns how many; what was here of the job no longer counts.

        Raises OSError, as for a full disk.
        """
        with self._writing():
            state, added = self._stored() or dict(_EMPTY), 0
            for part in parts:
                if not len(part.rows):
                    continue
                if not state["count"] + added:
                    state = {"dim": part.rows.shape[1], "count": 0, "jobs": [], "numbers": []}
                    np.save(self._folder / "mean.npy", part.rows.mean(axis=0, dtype=np.float32))
                # Another length is another model's, whose photos nobody asks for here.
                if part.rows.shape[1] == state["dim"]:
                    self._append_all(part, len(state["numbers"]), state["count"] + added)
                    added += len(part.rows)
            state["jobs"] = [[one, size] for one, size in state["jobs"] if one != job] + [[job, added]]
            state["numbers"] = [one if one != job else "" for one in state["numbers"]] + ([job] if added else [])
            state["count"] += added
            write_atomic(self._folder / "state.json", json.dumps(state).encode())
        return added

    def _append_all(self, part: Vectors, number: int, count: int) -> None:
        rows = np.stack([np.full(len(part.rows), number, np.int32), part.items.astype(np.int32)], axis=1)
        codes = _codes(part.rows, np.load(self._folder / "mean.npy"))
        arrays: tuple[npt.NDArray[Any], ...] = (part.rows, codes, rows)
        for name, data in zip(_FILES, arrays, strict=True):
            self._append(name, data, count)

    def search(self, query: Floats, jobs: Collection[str], limit: int) -> tuple[list[tuple[float, str, int]], int]:
        """The photos of `jobs` nearest to a query [d], (cosine, job, position) by falling cosine; and how many of them
        were compared."""
        state = self._state()
        count, dim, numbers = state["count"], state["dim"], state["numbers"]
        if not count or len(query) != dim:
            return [], 0
        allowed = np.array([bool(job) and job in jobs for job in numbers], bool)
        rows: npt.NDArray[np.int32] = np.memmap(self._folder / "rows", np.int32, "r", shape=(count, 2))
        codes: npt.NDArray[np.uint64] = np.memmap(self._folder / "codes", np.uint64, "r", shape=(count, -(-dim // 64)))
        (code,) = _codes(query[None].astype(np.float16), np.load(self._folder / "mean.npy"))
        bits = np.empty(count, np.uint16)
        for start in range(0, count, _BLOCK):
            at = slice(start, start + _BLOCK)
            bits[at] = np.einsum("nc->n", np.bitwise_count(codes[at] ^ code), dtype=np.uint16)
            bits[at][~allowed[rows[at, 0]]] = np.iinfo(np.uint16).max
        compared = int((bits < np.iinfo(np.uint16).max).sum())
        nearest = np.argpartition(bits, min(max(_EXACT, _TIMES * limit), count) - 1)[: max(_EXACT, _TIMES * limit)]
        # In the order of the file.
        nearest = np.sort(nearest[bits[nearest] < np.iinfo(np.uint16).max])
        vectors: Halves = np.memmap(self._folder / "vectors", np.float16, "r", shape=(count, dim))
        cosines = vectors[nearest].astype(np.float32) @ query
        best = np.argsort(-cosines, kind="stable")[:limit]
        found = rows[nearest[best]].tolist()
        told = zip(cosines[best].tolist(), found, strict=True)
        return [(cosine, numbers[number], item) for cosine, (number, item) in told], compared

    def clear(self) -> None:
        """Forgets everything."""
        with self._writing():
            (self._folder / "state.json").unlink(missing_ok=True)
            for name in (*_FILES, "mean.npy"):
                (self._folder / name).unlink(missing_ok=True)

    def _append(self, name: str, data: npt.NDArray[Any], count: int) -> None:
        path = self._folder / name
        path.touch()
        with path.open("r+b") as file:
            file.truncate(count * data[0].nbytes)
            file.seek(0, 2)
            file.write(np.ascontiguousarray(data).tobytes())
        fsync(path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file_lock(self._folder / "lock"):
            yield

    def _state(self) -> dict[str, Any]:
        """What is here, to be looked at only."""
        try:
            file = (self._folder / "state.json").stat()
        except OSError:
            return _EMPTY
        # Two writes may fall into one tick of the clock.
        told = file.st_ino, file.st_mtime_ns, file.st_size
        if self._read is None or self._read[0] != told:
            self._read = told, self._stored() or _EMPTY
        return self._read[1]

    def _stored(self) -> dict[str, Any] | None:
        """None: nothing yet, or a file that nobody can read: it is made again."""
        try:
            found: dict[str, Any] = json.loads((self._folder / "state.json").read_bytes())
            return found
        except (OSError, ValueError):
            return None


def _codes(rows: Halves, mean: Floats) -> npt.NDArray[np.uint64]:
    """[n, ceil(d / 64)] a bit for each column."""
    above = np.empty((len(rows), -(-rows.shape[1] // 64) * 64), bool)
    above[:, rows.shape[1] :] = False
    for start in range(0, len(rows), _BLOCK):
        at = slice(start, start + _BLOCK)
        above[at, : rows.shape[1]] = rows[at] > mean
    return np.packbits(above, axis=1).view(np.uint64)
