"""Small JPEGs of decoded photos."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from shared.photos.pixels import Pixels, picture
from shared.photos.thumbnail_sizes import LARGE_SIDE, SMALL_SIDE

#: Shares of the wanted side that are as good as it.
_LEAST, _MOST = 0.75, 1.25


class Thumbnails(NamedTuple):
    """JPEGs; no large one of a photo that has no more pixels than the small one."""

    small: bytes
    large: bytes | None


def thumbnail(rgb: Pixels, side: int = SMALL_SIDE) -> bytes:
    """A small JPEG of decoded pixels whose longer side is at most `side`."""
    image = picture(rgb)
    return _to_jpeg(np.asarray(image if max(image.size) <= side else _shrunk(image, side)), 80)


def thumbnails(rgb: Pixels) -> Thumbnails:
    """Both thumbnails of decoded pixels.

    The longer side is within a quarter of its size: where whole pixels can be taken or averaged, that costs a tenth.
    """
    image = picture(rgb)
    if max(image.size) <= SMALL_SIDE:
        return Thumbnails(_to_jpeg(np.asarray(image), 80), None)
    large = _near(image, LARGE_SIDE)
    small = _near(large, SMALL_SIDE)
    # Compressed more: with two pixels for one of the screen nobody sees it.
    return Thumbnails(_to_jpeg(np.asarray(small), 80), _to_jpeg(np.asarray(large), 75))


def _near(image: Image.Image, side: int) -> Image.Image:
    """The image with a longer side of about `side` pixels; one that is hardly longer stays as it is."""
    longer = max(image.size)
    if longer <= _MOST * side:
        return image
    blocks = round(longer / side)
    if _LEAST * side <= longer / blocks <= _MOST * side:
        return image.reduce(blocks)
    return _shrunk(image, side)


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    smaller = image.copy()
    smaller.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=1.0)
    return smaller


def _to_jpeg(rgb: NDArray[np.uint8], quality: int) -> bytes:
    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgb), quality=quality, colorsubsampling="420", fastdct=True
    )
    return jpeg
