"""Small JPEGs of decoded photos."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from shared.photos.thumbnail_sizes import LARGE_SIDE, SMALL_SIDE


class Thumbnails(NamedTuple):
    """JPEGs; no large one of a photo that has no more pixels than the small one."""

    small: bytes
    large: bytes | None


def thumbnail(rgb: NDArray[np.uint8], side: int = SMALL_SIDE) -> bytes:
    """A small JPEG of decoded pixels (uint8 [h, w, 3]) whose longer side is at most `side`."""
    image = Image.fromarray(rgb)
    _shrink(image, side)
    return _to_jpeg(image, 80)


def thumbnails(rgb: NDArray[np.uint8]) -> Thumbnails:
    """Both thumbnails of decoded pixels (uint8 [h, w, 3]); the small one is made of the large one."""
    image = Image.fromarray(rgb)
    large = None
    if max(image.size) > SMALL_SIDE:
        _shrink(image, LARGE_SIDE)
        # Compressed more: with two pixels for one of the screen nobody sees it.
        large = _to_jpeg(image, 75)
    _shrink(image, SMALL_SIDE)
    return Thumbnails(_to_jpeg(image, 80), large)


def _shrink(image: Image.Image, side: int) -> None:
    image.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=1.0)


def _to_jpeg(image: Image.Image, quality: int) -> bytes:
    jpeg: bytes = simplejpeg.encode_jpeg(np.asarray(image), quality=quality, colorsubsampling="420", fastdct=True)
    return jpeg
