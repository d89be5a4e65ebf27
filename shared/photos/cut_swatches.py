"""What the decoders of swatch cards make of a photo: pickled to them, so it stands in a module of its own."""

from __future__ import annotations

import json
import struct

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.photos.pixels import Pixels
from shared.photos.swatches import find

_QUALITY = 92
#: Of a swatch's shorter side that is left out all around: no ground and no pinked edge counts as its colour.
_EDGE = 0.02


def cut(rgb: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of what is cut for each swatch of a photo's pixels, uint8 RGB [h, w, 3]."""
    found = []
    for box in find(rgb):
        left, top, right, bottom = box.pixels(rgb.shape[1], rgb.shape[0])
        edge = round(_EDGE * min(right - left, bottom - top))
        found.append((left + edge, top + edge, right - edge, bottom - edge))
    return found


def _shares(part: tuple[int, int, int, int], rgb: NDArray[np.uint8]) -> list[float]:
    left, top, right, bottom = part
    height, width = rgb.shape[:2]
    shares = (left / width, top / height, (right - left) / width, (bottom - top) / height)
    return [round(share, 5) for share in shares]


class FindSwatches:
    """RGB pixels → bytes: a JSON list of `[x, y, width, height]` for each swatch, in shares of the photo."""

    def __call__(self, pixels: Pixels) -> NDArray[np.uint8]:
        rgb = np.asarray(pixels)
        return np.frombuffer(json.dumps([_shares(part, rgb) for part in cut(rgb)]).encode(), np.uint8)


class CutSwatches:
    """RGB pixels → bytes: the length of a JSON list (4 bytes, big endian), the list, and one JPEG behind another.

    The list has `[x, y, width, height, bytes]` for each swatch, the box in shares of the photo.
    """

    def __call__(self, pixels: Pixels) -> NDArray[np.uint8]:
        rgb = np.asarray(pixels)
        listed, jpegs = [], []
        for place in cut(rgb):
            left, top, right, bottom = place
            part = np.ascontiguousarray(rgb[top:bottom, left:right])
            jpegs.append(simplejpeg.encode_jpeg(part, quality=_QUALITY, colorsubsampling="444"))
            listed.append([*_shares(place, rgb), len(jpegs[-1])])
        head = json.dumps(listed).encode()
        return np.frombuffer(b"".join((struct.pack(">I", len(head)), head, *jpegs)), np.uint8)


def _load() -> None:
    """numpy imports some modules at first use; a confined decoder cannot."""
    rgb = np.full((240, 320, 3), 240, np.uint8)
    rgb[60:180, 40:140], rgb[60:180, 180:280] = (200, 30, 40), (30, 60, 200)
    CutSwatches()(rgb)


_load()
