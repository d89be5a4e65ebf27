"""Several models as one encoder: each half L2-normalised, concatenated, renormalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.core.encoder_info import EncoderInfo
    from shared.encoder.protocol import Encoder, Prepared, Transform
    from shared.photos.pixels import Pixels


def normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to length 1, in float32; a zero row stays zero."""
    wide = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = wide / np.maximum(lengths, np.float32(1e-12))
    return scaled


def concatenate(halves: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """float32 [n, d_i] each → [n, sum d_i]; every model weighs the same, whatever its dimension."""
    if len(halves) == 1:
        return halves[0]
    return normalise(np.concatenate([normalise(half) for half in halves], axis=1))


class JoinedEncoder:
    """Implements `Encoder` over several encoders that take pixels."""

    needs_pixels = True

    def __init__(self, info: EncoderInfo, halves: Sequence[Encoder]) -> None:
        self.info = info
        self._halves = tuple(halves)
        self.decode_size = max(half.decode_size for half in halves)
        self.micro_batch = min(half.micro_batch for half in halves)
        self.read_jpeg = next((half.read_jpeg for half in halves if half.read_jpeg is not None), None)
        self.streams = min(half.streams for half in halves)

    @property
    def transforms(self) -> tuple[Transform, ...]:
        return tuple(transform for half in self._halves for transform in half.transforms)

    def prepare(self, rgb: Pixels) -> Prepared:
        return tuple(half.prepare(rgb) for half in self._halves)

    def encode(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        return concatenate([half.encode([photo[index] for photo in batch]) for index, half in enumerate(self._halves)])

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError("this engine takes pixels")

    def close(self) -> None:
        for half in self._halves:
            half.close()
