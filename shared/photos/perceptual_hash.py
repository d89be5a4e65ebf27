"""Fingerprints of what a photo looks like: nearly the same for a copy that was resized, compressed again or cropped.

64 bits: the photo's lowest frequencies, by the discrete cosine transform of 32 × 32 grey blocks, above or below their
median (pHash; Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010). Photos of one cloth in
the same light may have similar ones, so that embeddings have a say, too (`shared.similar.copies`).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.photos.pixels import Pixels, picture

Floats = NDArray[np.float32]

#: Blocks of a side, and frequencies of each direction that are kept.
_SIDE, _KEPT = 32, 8
#: Pixels of a side of the picture that parts are taken from: more are noise to them.
_PIXELS = 80
#: Share of a side that a cropped copy has kept, and where it may begin.
_CROPPED, _BEGINS = 0.9, (0.0, 0.025, 0.05, 0.075, 0.1)


def _blocks_and_frequencies(pixels: int, begin: float, end: float) -> Floats:
    """[8, pixels] from a line of pixels to the lowest frequencies of 32 blocks between two shares of it."""
    edges = np.linspace(begin * pixels, end * pixels, _SIDE + 1)
    places = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    blocks = np.maximum(overlap, 0) / np.diff(edges)[:, None]
    waves = np.cos(np.pi / _SIDE * np.arange(_KEPT)[:, None] * (np.arange(_SIDE) + 0.5))
    found: Floats = (waves @ blocks).astype(np.float32)
    return found


_WHOLE = _blocks_and_frequencies(_SIDE, 0, 1)
_PARTS = np.concatenate(
    [_blocks_and_frequencies(_PIXELS, 0, 1)]
    + [_blocks_and_frequencies(_PIXELS, begin, begin + _CROPPED) for begin in _BEGINS]
)


def perceptual_hash(rgb: Pixels) -> str:
    """Of RGB pixels: 16 hex digits; two are compared by the number of bits that differ."""
    grey: Floats = np.asarray(_shrunk(picture(rgb), _SIDE), np.float32)
    return _bits((_WHOLE @ grey @ _WHOLE.T).reshape(1, -1)).tobytes().hex()


def part_hashes(jpeg: bytes) -> NDArray[np.uint64]:
    """[36] fingerprints of a thumbnail: first of the whole, then of what is left where up to a tenth was cut off a side
    or two. Raises OSError for what is no picture."""
    grey = np.asarray(_shrunk(Image.open(io.BytesIO(jpeg)), _PIXELS), np.float32)
    count = len(_PARTS) // _KEPT
    low = (_PARTS @ grey @ _PARTS.T).reshape(count, _KEPT, count, _KEPT).transpose(0, 2, 1, 3)
    return _bits(low.reshape(count * count, -1)).view(np.uint64)[:, 0]


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    return image.convert("L").resize((side, side), Image.Resampling.BOX)


def _bits(low: NDArray[Any]) -> NDArray[np.uint8]:
    """[n, 8] bytes of [n, 64] frequencies."""
    half = low.shape[1] // 2
    # Not `np.median`: it loads modules at its first call, and decoders can open no file.
    middle = np.partition(low, (half - 1, half), axis=1)[:, half - 1 : half + 1].mean(axis=1, keepdims=True)
    return np.packbits(low > middle, axis=1)
