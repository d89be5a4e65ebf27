"""Pixels of a decoded photo, as an array or as Pillow's picture of it: making one of the other costs as much as a whole
measure, so whoever needs several makes the picture once and hands it to all."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: RGB, uint8 [h, w, 3], or the picture of it.
Pixels: TypeAlias = NDArray[np.uint8] | Image.Image


def picture(pixels: Pixels) -> Image.Image:
    """The picture of pixels; one that is given is not copied, and nobody may change it."""
    return pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
