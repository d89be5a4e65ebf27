"""The merged picture of Photoshop files that Pillow does not read: 16 and 32 bits a channel, large documents (PSB)."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

FORMAT = "PSD_DEEP"
_GREY, _RGB, _CMYK = 1, 3, 4
#: Colour mode → Pillow's mode.
_MODES = {_GREY: "L", _RGB: "RGB", _CMYK: "CMYK"}
_RAW, _PACKED = 0, 1
_HEADER = struct.Struct(">4sH6xHIIHH")
_PROFILE = 1039


def register() -> None:
    """Makes Pillow open these files, asked before its own PSD plugin."""
    Image.register_open(FORMAT, DeepPsdFile, lambda prefix: prefix.startswith(b"8BPS"))


class DeepPsdFile(ImageFile.ImageFile):
    """The merged picture, 8 bits a channel, without its transparency."""

    format = FORMAT
    format_description = "Photoshop"

    def _open(self) -> None:
        assert self.fp is not None
        self._data = self.fp.read()
        if len(self._data) < 40:
            raise SyntaxError("no header")
        _, version, self._channels, height, width, self._depth, mode = _HEADER.unpack_from(self._data)
        if mode not in _MODES or self._depth not in (8, 16, 32) or (version == 1 and self._depth == 8):
            raise SyntaxError("left to Pillow")
        self._large = version == 2
        self._size, self._mode = (width, height), _MODES[mode]
        resources = self._end(26, 4)
        layers = self._end(resources, 4)
        if profile := _resource(self._data[resources + 4 : layers], _PROFILE):
            self.info["icc_profile"] = profile
        self._pixels = self._end(layers, 8 if self._large else 4)
        self.tile = [ImageFile._Tile(FORMAT, (0, 0, *self._size), 0, "")]

    def _end(self, at: int, size: int) -> int:
        """Where the section ends that starts at `at` with its length, in `size` bytes."""
        return at + size + int.from_bytes(self._data[at : at + size], "big")

    def load(self) -> Any:
        if self.tile:
            bands = len(self.getbands())
            planes = [_to_8_bits(self._plane(number), self._depth) for number in range(bands)]
            if self.mode == "CMYK":
                # Stored inverted.
                planes = [255 - plane for plane in planes]
            self.im = Image.merge(self.mode, [Image.fromarray(plane) for plane in planes]).im
            self.tile, self._data = [], b""
        return super().load()

    def _plane(self, number: int) -> NDArray[np.uint8]:
        """The bytes of one channel: [h, w × bytes]."""
        (width, height), at = self._size, self._pixels
        across = width * self._depth // 8
        (packing,) = struct.unpack_from(">H", self._data, at)
        at += 2
        if packing == _RAW:
            return np.frombuffer(self._data, np.uint8, height * across, at + number * height * across).reshape(
                height, across
            )
        if packing != _PACKED:
            raise ValueError("packed in another way")
        letter = ">u4" if self._large else ">u2"
        lengths = np.frombuffer(self._data, letter, height * self._channels, at).astype(np.int64)
        at += lengths.size * (4 if self._large else 2)
        start = at + int(lengths[: number * height].sum())
        end = start + int(lengths[number * height : (number + 1) * height].sum())
        return np.asarray(Image.frombytes("L", (across, height), self._data[start:end], "packbits", "L"))


def merged_end(data: bytes) -> int:
    """Where the merged picture of a Photoshop file ends; beyond `data` where the file is cut."""
    if len(data) < _HEADER.size:
        return len(data) + 1
    _, version, channels, height, width, depth, _ = _HEADER.unpack_from(data)
    at = _HEADER.size
    for size in (4, 4, 8 if version == 2 else 4):
        at += size + int.from_bytes(data[at : at + size], "big")
    if data[at : at + 2] != b"\0\1":
        return int(at + 2 + channels * height * ((width * depth + 7) // 8))
    size = 4 if version == 2 else 2
    pixels = int(at + 2 + size * channels * height)
    if pixels > len(data):
        return pixels
    return pixels + int(np.frombuffer(data, f">u{size}", channels * height, at + 2).sum())


def _to_8_bits(plane: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    if depth == 8:
        return np.ascontiguousarray(plane)
    if depth == 16:
        # The upper bytes.
        return np.ascontiguousarray(plane[:, ::2])
    linear = np.nan_to_num(np.ascontiguousarray(plane).view(">f4").astype(np.float32)).clip(0, 1)
    # 32 bits are linear light.
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (curve * 255).round().astype(np.uint8)


def _resource(data: bytes, wanted: int) -> bytes | None:
    """The body of an image resource."""
    at = 0
    while data[at : at + 4] == b"8BIM" and at + 12 <= len(data):
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        # A name with its length before it, padded to an even number.
        at += 6 + (data[at + 6] + 2) // 2 * 2
        length = int.from_bytes(data[at : at + 4], "big")
        if number == wanted:
            return data[at + 4 : at + 4 + length]
        at += 4 + length + length % 2
    return None
