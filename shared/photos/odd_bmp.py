"""BMP that browsers show and Pillow does not read: 2 bits, greys of 4 bits, and colour masks of any kind."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

FORMAT = "BMP_ODD"
_PLAIN, _MASKS, _MASKS_ALPHA = 0, 3, 6
_HEADERS = (40, 52, 56, 108, 124)
#: Masks that Pillow reads, by bits.
_USUAL = {
    16: {(0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)},
    32: {
        (0xFF0000, 0xFF00, 0xFF),
        (0xFF000000, 0xFF0000, 0xFF00),
        (0xFF000000, 0xFF00, 0xFF),
        (0xFF, 0xFF00, 0xFF0000),
    },
}


def register() -> None:
    """Makes Pillow open these files, asked before its own BMP plugin."""
    Image.register_open(FORMAT, OddBmpFile, lambda prefix: prefix.startswith(b"BM"))


class OddBmpFile(ImageFile.ImageFile):
    """8-bit RGB."""

    format = FORMAT
    format_description = "BMP"

    def _open(self) -> None:
        assert self.fp is not None
        data = self._data = self.fp.read()
        if len(data) < 54:
            raise SyntaxError("no header")
        self._start, size = struct.unpack_from("<II", data, 10)
        width, height, _, self._bits, packing = struct.unpack_from("<iiHHI", data, 18)
        if size not in _HEADERS or width <= 0 or not height:
            raise SyntaxError("left to Pillow")
        masks = struct.unpack_from("<III", data, 54) if packing != _PLAIN and len(data) >= 66 else (0, 0, 0)
        masked = packing in (_MASKS, _MASKS_ALPHA) and self._bits in _USUAL and 0 not in masks
        if not (masked and masks not in _USUAL[self._bits]) and not (packing == _PLAIN and self._bits in (2, 4)):
            raise SyntaxError("left to Pillow")
        self._masks = masks
        self._upwards = height > 0
        (colours,) = struct.unpack_from("<I", data, 46)
        self._palette = data[14 + size : min(self._start, 14 + size + 4 * (colours or 1 << min(self._bits, 8)))]
        self._size, self._mode = (width, abs(height)), "RGB"
        self.tile = [ImageFile._Tile(FORMAT, (0, 0, *self._size), 0, "")]

    def load(self) -> Any:
        if self.tile:
            rows = self._rows()
            rgb = self._by_palette(rows) if self._bits < 16 else self._by_masks(rows)
            self.im = Image.fromarray(np.ascontiguousarray(rgb[::-1] if self._upwards else rgb)).im
            self.tile, self._data = [], b""
        return super().load()

    def _rows(self) -> NDArray[np.uint8]:
        """The rows' bytes, each padded to a multiple of 4."""
        width, height = self._size
        across = (width * self._bits + 31) // 32 * 4
        return np.frombuffer(self._data, np.uint8, height * across, self._start).reshape(height, across)

    def _by_palette(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        bits = self._bits
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        indices = ((rows[:, :, None] >> shifts) & ((1 << bits) - 1)).reshape(len(rows), -1)[:, : self._size[0]]
        # A palette may be short: what it lacks is black.
        colours = np.zeros((1 << bits, 4), np.uint8)
        known = np.frombuffer(self._palette[: len(self._palette) // 4 * 4], np.uint8).reshape(-1, 4)[: len(colours)]
        colours[: len(known)] = known
        rgb: NDArray[np.uint8] = colours[indices][..., 2::-1]
        return rgb

    def _by_masks(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        pixels = rows.view("<u2" if self._bits == 16 else "<u4")[:, : self._size[0]].astype(np.uint32)
        channels = []
        for mask in self._masks:
            shift = (mask & -mask).bit_length() - 1
            scale = 255.0 / (mask >> shift)
            channels.append((((pixels & mask) >> shift) * scale).round().astype(np.uint8))
        return np.stack(channels, axis=-1)
