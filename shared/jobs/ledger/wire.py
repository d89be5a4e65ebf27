"""Serialization of items and results in Redis: zlib over compact JSON arrays; a chunk's items after a binary header.

Measured on renders: about 35 bytes per waiting item and 110 bytes per result with five candidates.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from shared.core.names import readable
from shared.jobs.model import Item, ItemResult
from shared.ranking.model import Candidate, Ranking, Verdict

#: First and last index of the chunk's items, big-endian; Lua reads it to cut the chunk's part out of the done bitmap.
_HEADER = struct.Struct(">II")


def _dump(value: Any) -> bytes:
    # A path that is not valid UTF-8 holds lone surrogates (PEP 383) and has to round-trip.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)


def _load(blob: bytes) -> Any:
    return json.loads(zlib.decompress(blob).decode("utf-8", "surrogatepass"))


def pack_items(items: Sequence[Item]) -> bytes:
    """Items of one chunk, by ascending index; at least one."""
    rows = [[i.index, i.name, i.sha256, i.path, i.size, i.mtime, i.generation] for i in items]
    return _HEADER.pack(items[0].index, items[-1].index) + _dump(rows)


def unpack_items(blob: bytes) -> list[Item]:
    return [Item(*row) for row in _load(blob[_HEADER.size :])]


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
    ranking = None
    if r.ranking is not None:
        k = r.ranking
        candidates = [[c.label, round(c.score, 4), c.sample] for c in k.candidates]
        ranking = [k.verdict.value, k.label, round(k.confidence, 4), round(k.margin, 4), candidates]
    return [r.index, r.name, r.generation, r.sha256, int(r.cached), ranking, r.error_code, r.error_detail or None]


def _result(row: list[Any]) -> ItemResult:
    index, name, generation, sha256, cached, ranking, code, detail = row
    name, detail = readable(name), {k: readable(v) if isinstance(v, str) else v for k, v in (detail or {}).items()}
    decoded = None
    if ranking is not None:
        verdict, label, confidence, margin, candidates = ranking
        decoded = Ranking(Verdict(verdict), label, confidence, margin, tuple(Candidate(*c) for c in candidates))
    return ItemResult(index, name, generation, sha256, bool(cached), decoded, code, detail)
