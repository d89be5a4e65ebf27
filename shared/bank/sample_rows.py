"""The rows of a large version's `samples.jsonl`, read a class at a time. No numpy here: pages read them too.

`samples.index` beside it says where in the file each class begins: C + 1 numbers of 8 bytes, little-endian.
"""

from __future__ import annotations

import mmap
import struct
import sys
import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import overload

from shared.bank.samples import Sample
from shared.core import json_lines

INDEX = "samples.index"
#: Classes whose rows are kept.
_KEPT = 16


def write_index(path: Path, offsets: Iterable[int]) -> None:
    """`offsets`: the first byte of each class, and the end of the file."""
    numbers = array("Q", offsets)
    if sys.byteorder == "big":
        numbers.byteswap()
    path.write_bytes(numbers.tobytes())


class SampleRows(Sequence[Sample]):
    """All rows, in the order of the vectors; for use from several threads.

    Raises ValueError, OSError where the files do not fit each other.
    """

    def __init__(self, folder: Path, counts: Sequence[int]) -> None:
        """`counts`: samples of each class of the manifest."""
        self._path = folder / "samples.jsonl"
        data = (folder / INDEX).read_bytes()
        self._offsets = struct.unpack(f"<{len(data) // 8}Q", data)
        #: First row of each class, and the number of all.
        self._starts = [0, *accumulate(counts)]
        if len(self._offsets) != len(self._starts):
            raise ValueError(f"{INDEX}: {len(self._offsets) - 1} classes instead of {len(counts)}")
        self._kept: OrderedDict[int, list[Sample]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, at: int) -> Sample: ...

    @overload
    def __getitem__(self, at: slice) -> list[Sample]: ...

    def __getitem__(self, at: int | slice) -> Sample | list[Sample]:
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        row = range(len(self))[at]
        number = bisect_right(self._starts, row) - 1
        return self.of_class(number)[row - self._starts[number]]

    def __iter__(self) -> Iterator[Sample]:
        for number in range(len(self._starts) - 1):
            yield from self._read(number)

    def of_class(self, number: int) -> list[Sample]:
        """The rows of the class of this number; the last few are kept."""
        with self._lock:
            rows = self._kept.get(number)
            if rows is None:
                rows = self._kept[number] = self._read(number)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            return rows

    def _read(self, number: int) -> list[Sample]:
        first, last = self._offsets[number : number + 2]
        with self._path.open("rb") as file:
            file.seek(first)
            text = file.read(last - first).decode()
        rows = [Sample.from_json(row) for row in json_lines.load(text)]
        wanted = self._starts[number + 1] - self._starts[number]
        if len(rows) != wanted:
            raise ValueError(f"class {number} has {len(rows)} rows instead of {wanted}")
        return rows

    def verify(self, labels: Sequence[str]) -> None:
        """Compares the number of lines, and the label at the head of each class. Raises ValueError."""
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
            if self._offsets[-1] != len(lines):
                raise ValueError(f"{INDEX} ends at {self._offsets[-1]} of {len(lines)} bytes")
            for number, label in enumerate(labels):
                first = self._offsets[number]
                row = Sample.from_json(*json_lines.load(lines[first : lines.find(b"\n", first)].decode()))
                if row.label != label:
                    raise ValueError(f"class {number} begins with a sample of {row.label}, not {label}")


class ClassRows(Sequence[Sample]):
    """One class's rows, read when they are looked at."""

    def __init__(self, rows: SampleRows, number: int, count: int) -> None:
        self._rows, self._number, self._count = rows, number, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Sample: ...

    @overload
    def __getitem__(self, at: slice) -> list[Sample]: ...

    def __getitem__(self, at: int | slice) -> Sample | list[Sample]:
        return self._rows.of_class(self._number)[at]
