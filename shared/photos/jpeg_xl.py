"""JPEG XL for Pillow, by libjxl: the size comes from the header, and nothing is decoded before pixels are asked for.

The plugin of the package decodes a file as soon as it is opened, before anything could be said about its size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFile

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_FORMAT = "JXL"
#: Bits of a size, by the selector before it.
_SIZE_BITS = (9, 13, 18, 30)
#: Width by height, by the code before the width; 0: it is written out.
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def register() -> None:
    """Makes Pillow open JPEG XL; does nothing where the package is not installed."""
    try:
        import pillow_jxl  # noqa: F401
    except ImportError:
        return
    Image.register_open(_FORMAT, JpegXlFile, _accept)


class JpegXlFile(ImageFile.ImageFile):
    """The first frame; 8-bit RGB or what the file has, once it is loaded."""

    format = _FORMAT
    format_description = "JPEG XL"

    def _open(self) -> None:
        assert self.fp is not None
        self._data = self.fp.read()
        self._size = size(self._data)
        self._mode = "RGB"
        self.tile = [ImageFile._Tile("jxl", (0, 0, *self._size), 0, "")]

    def load(self) -> Any:
        if self.tile:
            from pillow_jxl import Decoder

            # No threads: as many photos are decoded side by side as there are cores.
            is_jpeg, info, data, profile, _ = Decoder(num_threads=0)(self._data)
            image = _jpeg(data) if is_jpeg else _image(info, data)
            self._mode, self._size = image.mode, image.size
            self.im = image.im
            self.info.update(image.info)
            if profile:
                self.info["icc_profile"] = bytes(profile)
            self.tile = []
            self._data = b""
        return super().load()


def _jpeg(data: bytes) -> Image.Image:
    """A JPEG that was packed: its EXIF says how it is turned, as in any JPEG."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _image(info: Any, data: bytes) -> Image.Image:
    # Turned by libjxl already; what EXIF says of that no longer counts.
    mode = "F" if info.mode == "F;16" else info.mode
    return Image.frombytes(mode, (info.width, info.height), bytes(data))


def _accept(prefix: bytes) -> bool:
    return prefix.startswith((_CODESTREAM, _CONTAINER))


def size(data: bytes) -> tuple[int, int]:
    """Width and height from the header, before the photo is turned. Raises SyntaxError, as Pillow's plugins do."""
    header = next(_codestream(data), b"")
    if len(header) < 12 or not header.startswith(_CODESTREAM):
        raise SyntaxError("no JPEG XL header")
    bits = _Bits(int.from_bytes(header[2:32], "little"))
    small = bits.take(1)
    height = bits.side(small)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return bits.side(small), height


@dataclass(slots=True)
class _Bits:
    """Bits from the lowest on."""

    rest: int

    def take(self, count: int) -> int:
        value = self.rest & ((1 << count) - 1)
        self.rest >>= count
        return value

    def side(self, small: int) -> int:
        return 8 * (1 + self.take(5)) if small else 1 + self.take(_SIZE_BITS[self.take(2)])


def _codestream(data: bytes) -> Iterator[bytes]:
    """The beginnings of the codestream's parts, bare or in boxes."""
    if data.startswith(_CODESTREAM):
        yield data[:64]
        return
    at = 0
    while at + 8 <= len(data):
        length, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind == b"jxlc":
            yield data[at + head : at + head + 64]
        elif kind == b"jxlp":
            yield data[at + head + 4 : at + head + 68]
        if length < head:
            return
        at += length
