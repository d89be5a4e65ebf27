"""The files of a version's rows, written from its first row to its last: `vectors.npy`, `ids.npy`, `samples.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from shared.bank.sample_rows import SampleRows
from shared.bank.samples import Sample
from shared.core import json_lines
from shared.ranking.class_samples import give_back

#: Rows of an array, and bytes of lines, that are copied at a time.
_ROWS, _BYTES = 16_384, 1 << 20


class ArrayFile:
    """An .npy of rows whose number is known when the last one is written; the same bytes as `np.save` writes."""

    def __init__(self, file: BinaryIO, dtype: str, columns: tuple[int, ...]) -> None:
        self._file, self._dtype, self._columns = file, np.dtype(dtype), columns
        self._count = 0
        self._header()
        self._first = file.tell()

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Rows of another mapped file are given back to the system behind it."""
        for start in range(0, len(rows), _ROWS):
            self._file.write(np.ascontiguousarray(rows[start : start + _ROWS], self._dtype).tobytes())
            give_back(rows)
        self._count += len(rows)

    def end(self) -> None:
        """Says how many rows there are. numpy leaves room for any number of them, so that the header stays as long."""
        self._file.seek(0)
        self._header()
        if self._file.tell() != self._first:
            raise ValueError("numpy wrote a longer header")

    def _header(self) -> None:
        shape = (self._count, *self._columns)
        described = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, described)


@dataclass
class RowFiles:
    """Takes classes in the order of their labels, each with its rows in the order of their ids."""

    vectors: ArrayFile
    ids: ArrayFile
    lines: BinaryIO
    #: Where the lines of each class end.
    ends: list[int] = field(default_factory=list)

    def copy(self, rows: SampleRows, first: int, last: int, vectors: npt.NDArray[Any], ids: npt.NDArray[Any]) -> None:
        """The classes `first` to `last` - 1 of another version, as they are, with their rows of its arrays."""
        self.vectors.append(vectors)
        self.ids.append(ids)
        begins, written = rows.span(first, last)[0], self.lines.tell()
        self.ends += [written + rows.span(number, number + 1)[1] - begins for number in range(first, last)]
        with rows.path.open("rb") as source:
            for chunk in _chunks(source, *rows.span(first, last)):
                self.lines.write(chunk)

    def append(self, samples: Sequence[Sample], vectors: npt.NDArray[Any]) -> None:
        """The rows [m, d] of one class."""
        self.vectors.append(vectors)
        self.ids.append(np.array([sample.id for sample in samples], "S16"))
        self.lines.writelines(json_lines.dump([sample.to_json()]).encode() for sample in samples)
        self.ends.append(self.lines.tell())


@contextmanager
def row_files(folder: Path, columns: int) -> Iterator[RowFiles]:
    """The files of vectors with so many columns in a version's folder."""
    with (
        (folder / "vectors.npy").open("wb") as vectors,
        (folder / "ids.npy").open("wb") as ids,
        (folder / "samples.jsonl").open("wb") as lines,
    ):
        files = RowFiles(ArrayFile(vectors, "<f2", (columns,)), ArrayFile(ids, "S16", ()), lines)
        yield files
        files.vectors.end()
        files.ids.end()


def pictures_measured(folder: Path) -> Iterator[dict[str, float] | None]:
    """What was measured of the photos of a version's samples, in their order; nothing of vectors without a photo."""
    with (folder / "samples.jsonl").open("rb") as lines:
        # A quotation mark inside a text is escaped: only a key reads so.
        measured: Iterable[bytes] = (line for line in lines if b'"picture"' in line)
        for line in measured:
            for row in json_lines.load(line.decode()):
                sample = Sample.from_json(row)
                if sample.measures is not None:
                    yield sample.measures.picture


def _chunks(source: BinaryIO, first: int, end: int) -> Iterator[bytes]:
    source.seek(first)
    while first < end:
        chunk = source.read(min(_BYTES, end - first))
        if not chunk:
            raise ValueError(f"samples.jsonl ends at {first} of {end} bytes")
        first += len(chunk)
        yield chunk
