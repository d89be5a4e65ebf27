"""What the viewer's decoders make of a photo: pickled to them, so it stands in a module of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.photos.pixels import Pixels
from shared.photos.thumbnails import thumbnail

#: Longer side of a picture that fills a screen, in pixels.
SIDE = 1600


class ToJpeg:
    """Pixels → the bytes of a JPEG whose longer side is at most `side` pixels."""

    def __init__(self, side: int) -> None:
        self.side = side

    def __call__(self, rgb: Pixels) -> NDArray[np.uint8]:
        return np.frombuffer(thumbnail(rgb, self.side), np.uint8)
