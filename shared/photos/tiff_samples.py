"""TIFF whose samples Pillow cannot hold or mixes up: colour in 32 or 64 bits or floating point, planes of 16 bits.

Strips and tiles, bare or deflated. Anything else is left to Pillow, or to the sentence that says what to do.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from shared.photos.tiff_directories import (
    BITS,
    COMPRESSION,
    HEIGHT,
    ORIENTATION,
    PHOTOMETRIC,
    SAMPLE_FORMAT,
    SAMPLES,
    TILE_OFFSETS,
    WIDTH,
    Directory,
    directories,
    integer,
    integers,
    ranges,
)

FORMAT = "TIFF_SAMPLES"
_ROWS_PER_STRIP, _PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _PROFILE = 278, 284, 317, 322, 323, 34675
_DEFLATE = (8, 32946)
_GREY_INVERTED, _GREY, _RGB = 0, 1, 2
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: Sample format → numpy's letter.
_LETTERS = {1: "u", 2: "i", 3: "f"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def register() -> None:
    """Makes Pillow open these files, asked before its own TIFF plugin."""
    Image.register_open(FORMAT, SampledTiffFile, lambda prefix: prefix.startswith(_SIGNATURES))


class SampledTiffFile(ImageFile.ImageFile):
    """The first page, as 8-bit RGB or as grey in floating point."""

    format = FORMAT
    format_description = "TIFF"

    def _open(self) -> None:
        assert self.fp is not None
        self._data = self.fp.read()
        page = next(directories(self._data), {})
        if not _is_odd(page):
            raise SyntaxError("left to Pillow")
        self._page = page
        self._size = (integer(page, WIDTH), integer(page, HEIGHT))
        self._mode = "F" if integer(page, SAMPLES, 1) < 3 else "RGB"
        profile = page.get(_PROFILE)
        if isinstance(profile, bytes):
            self.info["icc_profile"] = profile
        self.tile = [ImageFile._Tile(FORMAT, (0, 0, *self._size), 0, "")]

    def load(self) -> Any:
        if self.tile:
            samples = _samples(self._data, self._page)
            image = _grey(samples, self._page) if self._mode == "F" else _colour(samples)
            turn = _TURNS.get(integer(self._page, ORIENTATION, 1))
            if turn is not None:
                image = image.transpose(turn)
            self.im, self._size, self.tile, self._data = image.im, image.size, [], b""
        return super().load()


def _is_odd(page: Directory) -> bool:
    """Whether Pillow cannot read this page and the functions below can."""
    bits, samples = set(integers(page, BITS)), integer(page, SAMPLES, 1)
    kind = integer(page, SAMPLE_FORMAT, 1)
    if len(bits) != 1 or integer(page, COMPRESSION, 1) not in (1, *_DEFLATE) or kind not in _LETTERS:
        return False
    (depth,) = bits
    wanted = integer(page, PHOTOMETRIC, _GREY) in ((_RGB,) if samples >= 3 else (_GREY_INVERTED, _GREY))
    if not wanted or depth not in ((16, 32, 64) if kind == 3 else (16, 32)) or (kind == 2 and samples < 3):
        return False
    if integer(page, _PREDICTOR, 1) not in ((1, 3) if kind == 3 else (1, 2)):
        return False
    if samples < 3:
        # Pillow reads greys of 16 bits, and floating point of 32.
        return depth != 16 if kind == 1 else depth != 32
    return depth != 16 or kind == 3 or (integer(page, _PLANAR, 1) == 2 and integer(page, COMPRESSION, 1) == 1)


def _samples(data: bytes, page: Directory) -> NDArray[Any]:
    """All samples of a page: [h, w, samples]."""
    width, height, samples = integer(page, WIDTH), integer(page, HEIGHT), integer(page, SAMPLES, 1)
    order = "<" if data[:2] == b"II" else ">"
    dtype = np.dtype(f"{order}{_LETTERS[integer(page, SAMPLE_FORMAT, 1)]}{integer(page, BITS) // 8}")
    planar = integer(page, _PLANAR, 1) == 2
    tiled = TILE_OFFSETS in page
    across = integer(page, _TILE_WIDTH) if tiled else width
    down = integer(page, _TILE_HEIGHT) if tiled else min(integer(page, _ROWS_PER_STRIP, height), height)
    if min(width, height, samples, across, down) < 1:
        raise ValueError("no size")
    whole = np.zeros((height, width, samples), dtype.newbyteorder("="))
    depth = 1 if planar else samples
    places = _places(width, height, across, down, samples if planar else 1)
    for (start, end), (plane, top, left) in zip(ranges(page), places, strict=True):
        rows = down if tiled else min(down, height - top)
        block = _block(data[start:end], page, dtype, (rows, across, depth))
        part = whole[top : top + rows, left : left + across, plane : plane + depth]
        part[...] = block[: part.shape[0], : part.shape[1]]
    return whole


def _places(width: int, height: int, across: int, down: int, planes: int) -> Iterator[tuple[int, int, int]]:
    """Plane, top and left of every block, in their order in the file."""
    for plane in range(planes):
        for top in range(0, height, down):
            for left in range(0, width, across):
                yield plane, top, left


def _block(data: bytes, page: Directory, dtype: np.dtype[Any], shape: tuple[int, int, int]) -> NDArray[Any]:
    size = int(np.prod(shape)) * dtype.itemsize
    if integer(page, COMPRESSION, 1) in _DEFLATE:
        data = zlib.decompressobj().decompress(data, size)
    if len(data) < size:
        raise ValueError("cut")
    predictor = integer(page, _PREDICTOR, 1)
    if predictor == 3:
        # Differences of bytes; the bytes of a row's numbers lie apart, the most significant ones first.
        rows, across, depth = shape
        differences = np.frombuffer(data, np.uint8, size).reshape(rows, -1, depth)
        apart = np.cumsum(differences, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, across * depth)
        together = np.ascontiguousarray(apart.transpose(0, 2, 1))
        return together.view(dtype.newbyteorder(">")).reshape(shape)
    block = np.frombuffer(data, dtype, size // dtype.itemsize).reshape(shape)
    return np.cumsum(block, axis=1, dtype=dtype.newbyteorder("=")) if predictor == 2 else block


def _colour(samples: NDArray[Any]) -> Image.Image:
    """8-bit RGB: whole numbers by their full range, floating point by 0…1, or by its own range where it leaves that."""
    rgb = samples[..., :3]
    if rgb.dtype.kind == "u":
        return Image.fromarray((rgb >> (8 * rgb.dtype.itemsize - 8)).astype(np.uint8))
    rgb = np.nan_to_num(rgb.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = min(0.0, float(rgb.min())), max(1.0, float(rgb.max()))
    return Image.fromarray(((rgb - low) * (255 / (high - low))).round().astype(np.uint8))


def _grey(samples: NDArray[Any], page: Directory) -> Image.Image:
    grey = samples[..., 0].astype(np.float32)
    if samples.dtype.kind == "u":
        grey /= float(np.iinfo(samples.dtype).max)
    if integer(page, PHOTOMETRIC, _GREY) == _GREY_INVERTED:
        grey = grey.max(initial=1.0) - grey
    return Image.fromarray(grey)
