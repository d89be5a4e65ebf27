"""How much memory decoding takes, from a photo's header."""

from __future__ import annotations

from PIL import Image

from shared.photos import deep_psd, odd_bmp, tiff_samples


def memory_needed(image: Image.Image, target: int, *, progressive: bool) -> int:
    """Bytes that decoding takes at its peak, roughly: Pillow keeps RGB in 4 bytes a pixel."""
    pixels = image.width * image.height
    if image.format in ("JPEG", "MPO"):
        shrunk = max(1, min(8, min(image.size) // max(1, target)))
        # Of a progressive JPEG all coefficients are kept, at 2 bytes each.
        return 3 * pixels // shrunk**2 + (3 * pixels if progressive else 0)
    if image.format in (tiff_samples.FORMAT, deep_psd.FORMAT, odd_bmp.FORMAT):
        # Up to three numbers of 8 bytes a pixel, and what is made of them.
        return 40 * pixels
    return 8 * pixels
