"""Camera RAW without a usable preview: developed by LibRaw, where the extra `raw` is installed."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.core.errors import PhotoError

#: Bytes of memory for a pixel of the sensor, while a picture of half its size is made.
_BYTES_PER_PIXEL = 8


@cache
def libraw() -> Any:
    """The module rawpy; None where it is not installed. Called once before anything is confined."""
    try:
        # rawpy imports it at first use, when nothing can be opened any more.
        import multiprocessing  # noqa: F401

        import rawpy
    except ImportError:
        return None
    return rawpy


def develop(
    data: bytes, family: str, target: int, max_pixels: int, ask: Callable[[int], None]
) -> tuple[NDArray[np.uint8], int, int]:
    """RGB in sRGB, uint8 [h, w, 3], upright, with the camera's white balance; and the photo's width and height.

    `family`, `ask`: see `raw_preview` and `decode`. Raises PhotoError: `raw_without_preview`, `too_many_pixels`.
    """
    if libraw() is None:
        raise PhotoError("raw_without_preview", format=family)
    try:
        with libraw().imread(io.BytesIO(data)) as raw:
            width, height = raw.sizes.width, raw.sizes.height
            if width * height > max_pixels:
                raise PhotoError("too_many_pixels", pixels=width * height, limit=max_pixels)
            half = min(width, height) // 2 >= target
            ask(_BYTES_PER_PIXEL * (1 if half else 3) * width * height)
            # Half the size joins the four sensors of a pixel instead of guessing what lies between them.
            pixels = raw.postprocess(half_size=half, use_camera_wb=True, output_bps=8)
    except libraw().LibRawError as error:
        raise PhotoError("raw_without_preview", format=family) from error
    return np.ascontiguousarray(pixels), width, height
