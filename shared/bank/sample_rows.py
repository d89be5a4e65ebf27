"""The rows of a version's `samples.jsonl`, read a class at a time. No numpy here: pages read them too.

Beside that of a large version, `samples.index` says where in the file each class begins: C + 1 numbers of 8 bytes,
little-endian.
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
from shared.core.errors import BankError

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

    Raises ValueError, OSError where the files do not fit each other; BankError("bank_damaged") once it is made.
    """

    def __init__(self, folder: Path, counts: Sequence[int], indexed: bool = True) -> None:
        """`counts`: samples of each class of the manifest. `indexed` False: without an index, the lines are counted."""
        self.path = folder / "samples.jsonl"
        #: First row of each class, and the number of all.
        self._starts = [0, *accumulate(counts)]
        if indexed:
            data = (folder / INDEX).read_bytes()
            self._offsets: Sequence[int] = struct.unpack(f"<{len(data) // 8}Q", data)
        else:
            self._offsets = _counted(self.path, self._starts)
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

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The first byte of the rows of the classes `first` to `last` - 1, and the one behind them."""
        return self._offsets[first], self._offsets[last]

    def lines(self, number: int) -> bytes:
        """The rows of the class of this number as they lie in the file."""
        first, last = self.span(number, number + 1)
        with self.path.open("rb") as file:
            file.seek(first)
            return file.read(last - first)

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
        wanted = self._starts[number + 1] - self._starts[number]
        try:
            rows = [Sample.from_json(row) for row in json_lines.load(self.lines(number).decode())]
            if len(rows) != wanted:
                raise ValueError(f"class {number} has {len(rows)} rows instead of {wanted}")
        except (OSError, ValueError) as failure:
            reason = f"{self.path.name}: {failure}"
            raise BankError("bank_damaged", version=self.path.parent.name, reason=reason) from failure
        return rows

    def verify(self, labels: Sequence[str]) -> None:
        """Compares the number of lines, and the label at the head of each class. Raises ValueError."""
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
            if self._offsets[-1] != len(lines):
                raise ValueError(f"{INDEX} ends at {self._offsets[-1]} of {len(lines)} bytes")
            for number, label in enumerate(labels):
                first = self._offsets[number]
                row = Sample.from_json(*json_lines.load(lines[first : lines.find(b"\n", first)].decode()))
                if row.label != label:
                    raise ValueError(f"class {number} begins with a sample of {row.label}, not {label}")


def _counted(path: Path, starts: Sequence[int]) -> list[int]:
    """The byte at which each of the rows `starts` begins. Raises ValueError where there are not `starts[-1]` rows."""
    offsets: list[int] = []
    row = position = 0
    with path.open("rb") as lines:
        for line in lines:
            while len(offsets) < len(starts) and starts[len(offsets)] == row:
                offsets.append(position)
            row, position = row + 1, position + len(line)
    if row != starts[-1]:
        raise ValueError(f"{row} rows instead of {starts[-1]}")
    return offsets + [position] * (len(starts) - len(offsets))


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
