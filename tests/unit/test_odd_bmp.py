"""BMP of every depth and mask that browsers show."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from shared.core.errors import PhotoError
from shared.photos.decode import Limits, decode

#: Five pixels across, three down, of four colours.
INDICES = np.array([[0, 1, 2, 3, 0], [3, 3, 1, 0, 2], [1, 0, 0, 2, 3]], np.uint32)
COLOURS = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (255, 255, 255)], np.uint8)
GREYS = np.array([(0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)], np.uint8)


def bmp(bits: int, *, masks: tuple[int, ...] = (), colours: np.ndarray = COLOURS, upwards: bool = True) -> bytes:
    if masks:
        full = np.array(masks, np.uint64) * (colours[INDICES].astype(np.uint64) > 0)
        values = full.sum(axis=-1)
        rows = [row.astype("<u2" if bits == 16 else "<u4").tobytes() for row in values]
        table = struct.pack(f"<{len(masks)}I", *masks)
    else:
        rows = []
        for row in INDICES:
            text = "".join(f"{index:0{bits}b}" for index in row).ljust(32, "0")
            rows.append(int(text, 2).to_bytes(4, "big"))
        table = b"".join(bytes([*colour[::-1], 0]) for colour in colours)
    body = b"".join(row.ljust(-(-len(row) // 4) * 4, b"\0") for row in (rows[::-1] if upwards else rows))
    count = 0 if masks else len(colours)
    header = struct.pack(
        "<IiiHHIIiiII", 40, 5, 3 if upwards else -3, 1, bits, 3 if masks else 0, len(body), 0, 0, count, 0
    )
    start = 14 + 40 + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + table + body


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("colours", [COLOURS, GREYS], ids=["colours", "greys"])
@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits(bits: int, colours: np.ndarray, upwards: bool) -> None:
    rgb = decode(bmp(bits, colours=colours, upwards=upwards), 448, Limits())
    assert (rgb == colours[INDICES]).all()


@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0x7C00, 0x3E0, 0x1F)),
        (16, (0xF800, 0x7E0, 0x1F)),
        (16, (0xF00, 0xF0, 0xF)),
        (16, (0x1F, 0x3E0, 0x7C00)),
        (32, (0xFF0000, 0xFF00, 0xFF)),
        (32, (0x3FF00000, 0xFFC00, 0x3FF)),
        (32, (0xFF, 0xFF0000, 0xFF00)),
    ],
)
def test_masks(bits: int, masks: tuple[int, ...]) -> None:
    assert (decode(bmp(bits, masks=masks), 448, Limits()) == COLOURS[INDICES]).all()


def test_a_part_of_it_is_truncated() -> None:
    with pytest.raises(PhotoError) as caught:
        decode(bmp(2)[:-6], 448, Limits())
    assert caught.value.code == "truncated"
