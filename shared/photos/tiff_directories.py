"""The directories (IFD) of a TIFF file, sub-directories included: what it holds, without decoding any of it.

Camera RAW files are TIFF with further tags. Whatever is damaged is left out; nothing is raised.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
MAKE, STRIP_OFFSETS, ORIENTATION, SAMPLES, STRIP_BYTES = 271, 273, 274, 277, 279
TILE_OFFSETS, TILE_BYTES, SUB_DIRECTORIES, SAMPLE_FORMAT, DNG_VERSION = 324, 325, 330, 339, 50706

Directory: TypeAlias = "Mapping[int, tuple[int, ...] | bytes]"

#: struct's letter of each integer type; 2 and 7 are bytes, all others are left out.
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_SIZES = {2: 1, 7: 1, **{number: struct.calcsize("<" + letter) for number, letter in _INTEGERS.items()}}
_MAX_DIRECTORIES, _MAX_ENTRIES, _MAX_VALUES = 64, 1024, 1 << 20


@dataclass(slots=True)
class _Walk:
    data: bytes
    order: str
    big: bool
    seen: set[int] = field(default_factory=set)

    def unpack(self, letters: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + letters, self.data, at)

    def directory(self, at: int) -> tuple[dict[int, tuple[int, ...] | bytes], int]:
        """The entries of the directory at `at`, and where the next one is."""
        (count,) = self.unpack("Q" if self.big else "H", at)
        at += 8 if self.big else 2
        size, letters = (20, "HHQ") if self.big else (12, "HHI")
        found: dict[int, tuple[int, ...] | bytes] = {}
        for entry in range(at, at + min(count, _MAX_ENTRIES) * size, size):
            tag, kind, values = self.unpack(letters, entry)
            if kind not in _SIZES or values > _MAX_VALUES:
                continue
            place = entry + (12 if self.big else 8)
            length = _SIZES[kind] * values
            if length > (8 if self.big else 4):
                (place,) = self.unpack("Q" if self.big else "I", place)
            if place + length > len(self.data):
                continue
            if kind in _INTEGERS:
                found[tag] = self.unpack(f"{values}{_INTEGERS[kind]}", place)
            else:
                found[tag] = self.data[place : place + length]
        (following,) = self.unpack("Q" if self.big else "I", at + count * size)
        return found, following

    def directories(self, at: int) -> Iterator[Directory]:
        while at and at not in self.seen and len(self.seen) < _MAX_DIRECTORIES:
            self.seen.add(at)
            try:
                found, at = self.directory(at)
            except struct.error:
                return
            yield found
            for below in integers(found, SUB_DIRECTORIES):
                yield from self.directories(below)


def directories(data: bytes) -> Iterator[Directory]:
    """The directories of a TIFF file in the order of the file, each followed by those below it."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:
        return
    # BigTIFF has 43 where TIFF has 42; some RAW families have their own numbers there.
    big = data[2:4] in (b"+\0", b"\0+")
    (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    yield from _Walk(data, order, big).directories(first)


def integers(directory: Directory, tag: int) -> tuple[int, ...]:
    """All values of a tag; none where it is missing or text."""
    found = directory.get(tag, ())
    return found if isinstance(found, tuple) else ()


def integer(directory: Directory, tag: int, default: int = 0) -> int:
    """The first value of a tag."""
    return next(iter(integers(directory, tag)), default)


def ranges(directory: Directory) -> list[tuple[int, int]]:
    """Start and end of a directory's strips and tiles in the file."""
    pairs = ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES))
    return [
        (start, start + length)
        for offsets, lengths in pairs
        for start, length in zip(integers(directory, offsets), integers(directory, lengths), strict=False)
    ]
