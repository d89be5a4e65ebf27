"""A part of a photo as a photo of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from shared.photos.box import Box
from shared.photos.decode import Limits, ReadJpeg, decode_photo
from shared.photos.photo_facts import DecodedPhoto


def decode_part(
    data: bytes,
    target: int,
    limits: Limits,
    box: Box | None,
    read_jpeg: ReadJpeg | None = None,
    ask: Callable[[int], None] = lambda need: None,
) -> DecodedPhoto:
    """`decode_photo` of the part `box`, whose shorter side is at least `target` where it has so many pixels; None: of
    the whole. The size in its facts is the part's. Raises as `decode_photo`."""
    if box is None:
        return decode_photo(data, target, limits, read_jpeg, ask)
    photo = decode_photo(data, math.ceil(target / box.shorter), limits, read_jpeg, ask)
    left, top, right, bottom = box.pixels(photo.pixels.shape[1], photo.pixels.shape[0])
    pixels = np.ascontiguousarray(photo.pixels[top:bottom, left:right])
    width, height = photo.facts.size
    left, top, right, bottom = box.pixels(width, height)
    return DecodedPhoto(pixels, replace(photo.facts, size=(right - left, bottom - top)))
