"""Serialization of items and results in Redis: zlib over compact JSON arrays; a chunk's items after a binary header.

Measured on renders: about 35 bytes per waiting item and 110 bytes per result with five candidates.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from shared.jobs.field_model import Part, same
from shared.jobs.fields import STORED
from shared.jobs.model import Item, ItemResult, Sent
from shared.jobs.splitting import Cutout
from shared.ranking.model import Ranking

#: First and last index of the chunk's items, big-endian; Lua reads it to cut the chunk's part out of the done bitmap.
_HEADER = struct.Struct(">II")
#: Where a result's row holds its ranking, and how many values the rows of the first release have.
_RANKING_AT = 5
_FIRST_LENGTH = 8
#: Values in the row of an item that is a whole photo.
_WHOLE = 7


class _Plan:
    """The values of one part of a row, prepared: a worker packs and the dispatcher unpacks every result."""

    def __init__(self, part: Part) -> None:
        stored = [s for s in STORED if s.part is part]
        self.names = [s.attribute for s in stored]
        self.read = attrgetter(*self.names)
        self.pack = [(i, s.pack) for i, s in enumerate(stored) if s.pack is not same]
        self.unpack = [(s.attribute, s.unpack) for s in stored if s.unpack is not same]
        #: Lists and objects, which a result's row leaves out where they are empty.
        self.empty = [(i, s.attribute, s.empty) for i, s in enumerate(stored) if s.json_text]

    def packed(self, owner: ItemResult | Ranking) -> list[Any]:
        row = list(self.read(owner))
        for i, pack in self.pack:
            row[i] = pack(row[i])
        return row

    def unpacked(self, row: list[Any]) -> dict[str, Any]:
        # Not strict: rows of other versions are shorter or longer.
        values = dict(zip(self.names, row, strict=False))
        for _, name, empty in self.empty:
            if values.get(name) is None:
                values[name] = empty
        for name, unpack in self.unpack:
            values[name] = unpack(values[name])
        return values


_RESULT, _RANKING = _Plan(Part.RESULT), _Plan(Part.RANKING)


def _dump(value: Any) -> bytes:
    # A path that is not valid UTF-8 holds lone surrogates (PEP 383) and has to round-trip.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)


def _load(blob: bytes) -> Any:
    return json.loads(zlib.decompress(blob).decode("utf-8", "surrogatepass"))


def pack_items(items: Sequence[Item]) -> bytes:
    """Items of one chunk, by ascending index; at least one."""
    # Other versions read the rows, too: they are longer only where something needs it.
    rows = [
        [i.index, i.name, i.sha256, i.path, i.size, i.mtime, i.generation, *([i.part.to_json()] if i.part else [])]
        for i in items
    ]
    return _HEADER.pack(items[0].index, items[-1].index) + _dump(rows)


def unpack_items(blob: bytes) -> list[Item]:
    """What a later version adds at the end of a row is left out."""
    return [
        Item(*row[:_WHOLE], *map(Cutout.from_json, filter(None, row[_WHOLE:][:1])))
        for row in _load(blob[_HEADER.size :])
    ]


def pack_sent(files: Sequence[Sent]) -> bytes:
    return _dump([[f.name, f.sha256, f.size, f.is_archive] for f in files])


def unpack_sent(blob: bytes) -> list[Sent]:
    return [Sent(*row) for row in _load(blob)]


def undone(items: Iterable[Item], first: int, bits: bytes) -> list[Item]:
    """Items whose bit is not set. `bits` is the done bitmap from byte `first // 8` on, as returned by GETRANGE."""
    start = first // 8 * 8

    def open_(index: int) -> bool:
        byte, bit = divmod(index - start, 8)
        return byte >= len(bits) or not bits[byte] >> (7 - bit) & 1

    return [item for item in items if open_(item.index)]


def pack_results(results: Sequence[ItemResult]) -> bytes:
    return _dump([_row(r) for r in results])


def unpack_results(blob: bytes) -> list[ItemResult]:
    return [_result(row) for row in _load(blob)]


def _row(r: ItemResult) -> list[Any]:
    row = _RESULT.packed(r)
    for i, _, _ in _RESULT.empty:
        row[i] = row[i] or None
    row.insert(_RANKING_AT, r.ranking and _RANKING.packed(r.ranking))
    # Values that were added later are written only where there are any: earlier versions read the row, too.
    while len(row) > _FIRST_LENGTH and row[-1] is None:
        row.pop()
    return row


def _result(row: list[Any]) -> ItemResult:
    """A row of this version, of an earlier one that lacks its last values, or of a later one that has more."""
    ranking = row.pop(_RANKING_AT)
    return ItemResult(**_RESULT.unpacked(row), ranking=ranking and Ranking(**_RANKING.unpacked(ranking)))
