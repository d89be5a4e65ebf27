"""Opaque 8-bit RGB in sRGB of a picture of any mode: greys of any depth, palettes, transparency, CMYK, Lab."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.photos.colour_profile import Colour

#: Largest values of 8, 10 and 12 bits: a grey of 16 bits that stays below comes from a sensor or scanner of so many.
_FULL_SCALES = (255, 1023, 4095)


def to_rgb(image: Image.Image, factor: int, colour: Colour) -> Image.Image:
    """RGB of a loaded picture, `factor` times smaller; transparency composited on white, deep greys scaled to 8 bits.

    Shrunk first, then converted to sRGB, then composited in sRGB values, as browsers do.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return colour.to_rgb(_shrunk(Image.fromarray(_deep_grey(image)), factor))
    if image.has_transparency_data:
        # Shrunk with colours weighted by their opacity, and a large picture is not held four times.
        with_alpha = _shrunk(image.convert("RGBA").convert("RGBa"), factor).convert("RGBA")
        white = Image.new("RGB", with_alpha.size, (255, 255, 255))
        white.paste(colour.to_rgb(with_alpha), mask=with_alpha.getchannel("A"))
        return white
    if image.mode in ("L", "RGB", "CMYK", "YCbCr", "LAB"):
        return colour.to_rgb(_shrunk(image, factor))
    return colour.to_rgb(_shrunk(image.convert("RGB"), factor))


def _shrunk(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _deep_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Greys of 16 bits, 32 bits or floating point as uint8 [h, w]."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return _from_16_bits(values)
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    if image.mode == "I" and low >= 0 and high < 65536:
        return _from_16_bits(finite.astype(np.uint16))
    if image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return ((finite - low) * (255.0 / ((high - low) or 1.0))).round().astype(np.uint8)


def _from_16_bits(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    largest = int(values.max(initial=0))
    full = next((scale for scale in _FULL_SCALES if largest <= scale), 0)
    if full:
        scaled: NDArray[np.uint8] = (np.arange(full + 1) * 255 // full).astype(np.uint8)[values]
        return scaled
    return (values >> 8).astype(np.uint8)
