"""Small JPEGs of decoded photos."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from shared.photos.thumbnail_sizes import LARGE_SIDE, SMALL_SIDE

#: Sides that are as good as the wanted one.
_NEAR = 1.25


class Thumbnails(NamedTuple):
    """JPEGs; no large one of a photo that has no more pixels than the small one."""

    small: bytes
    large: bytes | None


def thumbnail(rgb: NDArray[np.uint8], side: int = SMALL_SIDE) -> bytes:
    """A small JPEG of decoded pixels (uint8 [h, w, 3]) whose longer side is at most `side`."""
    image = Image.fromarray(rgb)
    _shrink(image, side)
    return _to_jpeg(np.asarray(image), 80)


def thumbnails(rgb: NDArray[np.uint8]) -> Thumbnails:
    """Both thumbnails of decoded pixels (uint8 [h, w, 3]); the small one is made of the large one.

    The longer side is within a quarter of its size: where whole pixels can be taken or averaged, that costs a third.
    """
    longer = max(rgb.shape[:2])
    if longer <= SMALL_SIDE:
        return Thumbnails(_to_jpeg(rgb, 80), None)
    image = Image.fromarray(rgb)
    if longer > LARGE_SIDE * _NEAR:
        _shrink(image, LARGE_SIDE)
        rgb = np.asarray(image)
        longer = LARGE_SIDE
    # Compressed more: with two pixels for one of the screen nobody sees it.
    large = _to_jpeg(rgb, 75)
    blocks = round(longer / SMALL_SIDE)
    if SMALL_SIDE / _NEAR <= longer / blocks <= SMALL_SIDE * _NEAR:
        image = image.reduce(blocks)
    else:
        _shrink(image, SMALL_SIDE)
    return Thumbnails(_to_jpeg(np.asarray(image), 80), large)


def _shrink(image: Image.Image, side: int) -> None:
    image.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=1.0)


def _to_jpeg(rgb: NDArray[np.uint8], quality: int) -> bytes:
    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgb), quality=quality, colorsubsampling="420", fastdct=True
    )
    return jpeg
