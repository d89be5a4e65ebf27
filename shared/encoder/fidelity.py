"""How close an engine's vectors are to torch float32 with open_clip's own transform, on photos rendered here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import simplejpeg

from shared.encoder.joined import normalise
from shared.photos.decode import Limits, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.encoder.protocol import Encoder

#: Below this mean cosine a conversion is refused.
REFUSED_BELOW = 0.99


def synthetic_photos(count: int, seed: int = 1) -> list[bytes]:
    """JPEG files that look like cloth to an encoder (crossed threads, motifs, grain) of 0.3 to 1.5 megapixels."""
    return [_photo(np.random.default_rng((seed, index))) for index in range(count)]


def cosines(found: NDArray[np.float32], expected: NDArray[np.float32]) -> dict[str, float]:
    """Row by row cosine of float32 [n, d] with [n, d]: mean, smallest, and how many."""
    each = np.einsum("nd,nd->n", normalise(found), normalise(expected))
    return {"mean": round(float(each.mean()), 6), "min": round(float(each.min()), 6), "photos": len(each)}


def encode_files(encoder: Encoder, photos: Sequence[bytes]) -> NDArray[np.float32]:
    """Photos through scaled decoding, preprocessing and the engine, as a worker does it: float32 [n, dim]."""
    prepared = [encoder.prepare(decode(photo, encoder.decode_size, Limits(), encoder.read_jpeg)) for photo in photos]
    step = encoder.micro_batch
    return np.concatenate([encoder.encode(prepared[start : start + step]) for start in range(0, len(prepared), step)])


def _photo(draw: np.random.Generator) -> bytes:
    height, width = (int(n) for n in draw.integers(500, 1250, 2))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pixels = np.empty((height, width, 3), np.float32)
    pixels[:] = draw.uniform(40, 215, 3)
    for _ in range(int(draw.integers(2, 6))):  # threads, stripes and their moiré
        angle, period = draw.uniform(0, np.pi), draw.uniform(4, 160)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period) + draw.uniform(0, 6.3))
        pixels += wave[..., None] * draw.uniform(-45, 45, 3).astype(np.float32)
    for _ in range(int(draw.integers(1, 5))):  # motifs
        cy, cx, radius = draw.uniform(0, height), draw.uniform(0, width), draw.uniform(40, 260)
        pixels[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = draw.uniform(0, 255, 3)
    pixels += draw.normal(0, draw.uniform(1, 12), (height, width, 1)).astype(np.float32)
    pixels *= np.linspace(draw.uniform(0.6, 1), 1, width, dtype=np.float32)[None, :, None]  # light from one side
    jpeg: bytes = simplejpeg.encode_jpeg(np.clip(pixels, 0, 255).astype(np.uint8), quality=88, colorsubsampling="420")
    return jpeg
