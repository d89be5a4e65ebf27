"""The `null` and `sleep:MS` engines: no pixels, a vector out of the photo's hash, so that a swapped result shows.

For measuring and breaking everything around the encoder. A hash has the same vector in every version, on every machine.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import numpy as np

from shared.encoder.describe import describe
from shared.encoder.load_request import CPU_BATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shared.core.encoder_info import EncoderInfo
    from shared.encoder.load_request import LoadRequest
    from shared.encoder.protocol import Prepared
    from shared.photos.pixels import Pixels


def load(request: LoadRequest) -> HashedEncoder:
    """The encoder of the `null` and `sleep:MS` engines."""
    micro_batch = request.settings.micro_batch or CPU_BATCH
    return HashedEncoder(describe(request.settings), micro_batch=micro_batch, seconds=request.chosen.seconds)


class HashedEncoder:
    """Implements `Encoder` without a model."""

    needs_pixels = False
    transforms = ()
    read_jpeg = None

    def __init__(self, info: EncoderInfo, *, micro_batch: int, seconds: float = 0.0) -> None:
        self.info = info
        self.decode_size = 2 * info.input_size
        self.micro_batch = micro_batch
        self.streams = 1
        self._seconds = seconds

    def prepare(self, rgb: Pixels) -> Prepared:
        raise NotImplementedError("this engine takes hashes, not pixels")

    def encode(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        raise NotImplementedError("this engine takes hashes, not pixels")

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        """SHAKE-256 of each hash, its bytes as coordinates: float32 [n, dim], L2-normalised; sleeps once a photo."""
        if self._seconds:
            time.sleep(self._seconds * len(sha256s))
        dim = self.info.dim
        drawn = b"".join(hashlib.shake_256(sha.encode()).digest(dim) for sha in sha256s)
        vectors = np.frombuffer(drawn, np.uint8).reshape(len(sha256s), dim).astype(np.float32) - 127.5
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def close(self) -> None:
        return None
