"""TIFF of every kind of sample, layout and compression shows the same picture."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.core.errors import PhotoError
from shared.photos.decode import Limits, decode

#: Values 0…1 that differ in every direction and channel.
PICTURE = np.stack(
    [
        np.tile(np.linspace(0, 1, 60)[:, None], (1, 80)),
        np.tile(np.linspace(1, 0, 80), (60, 1)),
        np.full((60, 80), 0.25),
    ],
    axis=-1,
)


def differences(block: NDArray[Any], predictor: int) -> bytes:
    if predictor == 2:
        first = np.zeros_like(block[:, :1])
        return np.diff(block, axis=1, prepend=first).astype(block.dtype).tobytes()
    if predictor == 3:
        rows, across, depth = block.shape
        parts = block.astype(block.dtype.newbyteorder(">")).view(np.uint8).reshape(rows, across * depth, -1)
        apart = parts.transpose(0, 2, 1).reshape(rows, -1, depth)
        return np.diff(apart, axis=1, prepend=np.zeros_like(apart[:, :1])).astype(np.uint8).tobytes()
    return block.tobytes()


def tiff(
    kind: str,
    *,
    order: str = "<",
    grey: bool = False,
    planar: bool = False,
    tile: int = 0,
    deflate: bool = False,
    predictor: int = 1,
    orientation: int = 1,
) -> bytes:
    """`kind`: numpy's letter and bytes, e.g. `f4`; whole numbers use their full range."""
    values = PICTURE[..., :1] if grey else PICTURE
    scale = 1.0 if kind[0] == "f" else float(np.iinfo(kind).max)
    samples = (values * scale).astype(np.dtype(order + kind))
    planes = [samples[..., i : i + 1] for i in range(samples.shape[2])] if planar else [samples]
    height, width, count = samples.shape
    blocks = []
    for plane in planes:
        for top in range(0, height, tile or 16):
            for left in range(0, width, tile or width):
                block = plane[top : top + (tile or 16), left : left + (tile or width)]
                if tile:
                    block = np.pad(block, ((0, tile - block.shape[0]), (0, tile - block.shape[1]), (0, 0)))
                raw = differences(np.ascontiguousarray(block), predictor)
                blocks.append(zlib.compress(raw) if deflate else raw)
    tags = {256: width, 257: height, 259: 8 if deflate else 1, 262: 1 if grey else 2, 274: orientation, 277: count}
    tags |= {284: 2 if planar else 1, 317: predictor}
    tags |= {322: tile, 323: tile} if tile else {278: 16}
    lists = {258: [8 * int(kind[1])] * count, 339: [{"u": 1, "i": 2, "f": 3}[kind[0]]] * count}
    lists |= {324 if tile else 273: [0] * len(blocks), 325 if tile else 279: [len(block) for block in blocks]}
    entries = {**{tag: [value] for tag, value in tags.items()}, **lists}
    start = 8 + 2 + 12 * len(entries) + 4
    at = start + sum(4 * len(values) for values in entries.values() if len(values) > 1)
    entries[324 if tile else 273] = [at + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    rows, behind = b"", b""
    for tag, numbers in sorted(entries.items()):
        place = numbers[0] if len(numbers) == 1 else start + len(behind)
        rows += struct.pack(order + "HHII", tag, 4, len(numbers), place)
        if len(numbers) > 1:
            behind += struct.pack(f"{order}{len(numbers)}I", *numbers)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(entries)) + rows + bytes(4) + behind + b"".join(blocks)


def agrees(data: bytes, grey: bool = False) -> bool:
    rgb = decode(data, 448, Limits())
    wanted = (PICTURE[..., :1] if grey else PICTURE) * 255
    return bool(rgb.shape == (60, 80, 3) and np.abs(rgb - wanted).max() <= 1.6)


KINDS = ["u1", "u2", "u4", "f2", "f4", "f8"]
LAYOUTS: list[dict[str, Any]] = [
    {},
    {"order": ">"},
    {"planar": True},
    {"tile": 32},
    {"deflate": True},
    {"tile": 16, "deflate": True},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_colour(kind: str, layout: dict[str, Any]) -> None:
    assert agrees(tiff(kind, **layout))


@pytest.mark.parametrize("kind", ["u1", "u2", "f2", "f4", "f8"])
def test_grey(kind: str) -> None:
    assert agrees(tiff(kind, grey=True), grey=True)


@pytest.mark.parametrize(("kind", "predictor"), [("u1", 2), ("u2", 2), ("u4", 2), ("f2", 3), ("f4", 3), ("f8", 3)])
def test_predictors(kind: str, predictor: int) -> None:
    assert agrees(tiff(kind, deflate=True, predictor=predictor))


def test_it_is_turned() -> None:
    rgb = decode(tiff("f4", orientation=6), 448, Limits())
    assert np.abs(rgb - np.rot90(PICTURE, -1) * 255).max() <= 1.6


def test_a_part_of_it_is_truncated() -> None:
    with pytest.raises(PhotoError) as caught:
        decode(tiff("f4")[:-500], 448, Limits())
    assert caught.value.code == "truncated"


def test_the_cap_holds() -> None:
    with pytest.raises(PhotoError) as caught:
        decode(tiff("f4"), 448, Limits(pixels=1000))
    assert caught.value.code == "too_many_pixels"
