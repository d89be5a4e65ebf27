"""What every engine offers, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from shared.core.encoder_info import EncoderInfo
    from shared.photos.pixels import Pixels

#: One preprocessed photo, opaque: uint8 [h, w, 3], or a tuple of such for several joined models.
Prepared: TypeAlias = Any


#: RGB pixels of any size → uint8 of the model's input size. Can be pickled.
Transform: TypeAlias = "Callable[[Pixels], NDArray[np.uint8]]"


def from_transforms(arrays: Sequence[NDArray[np.uint8]]) -> Prepared:
    """What the transforms made of one photo, as `Encoder.encode` takes it."""
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


class JpegReader(Protocol):
    """Reads plain JPEG somewhere else than on the CPU. Safe to call from any number of threads."""

    def __call__(self, data: bytes, target: int) -> NDArray[np.uint8] | None:
        """RGB pixels, uint8 [h, w, 3], not turned, whose shorter side is at least `target` where the photo has so many;
        None where it cannot read this one."""
        ...

    def close(self) -> None: ...


class Encoder(Protocol):
    """A loaded encoder. `prepare` is safe to call from any number of threads at once, `encode` from `streams`."""

    info: EncoderInfo
    #: False: photos are neither read into pixels nor prepared; call `encode_hashes`.
    needs_pixels: bool
    #: Shorter side, in pixels, to ask `images.decode` for: twice the input, so that scaled decoding costs no fidelity.
    decode_size: int
    #: Photos per `encode` call that serve this engine best.
    micro_batch: int
    #: `encode` calls that serve this engine best at once: each stream has threads of its own and waits for no other's.
    streams: int

    @property
    def read_jpeg(self) -> JpegReader | None:
        """How plain JPEG is to be read where this engine runs; None: on the CPU. For `images.decode`."""
        ...

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """What `prepare` does, one for each model, for processes that have no encoder: `from_transforms` joins them."""
        ...

    def prepare(self, rgb: Pixels) -> Prepared:
        """One decoded photo made ready for `encode`."""
        ...

    def encode(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Vectors of prepared photos: float32 [n, dim], L2-normalised rows."""
        ...

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        """Vectors derived from file hashes (engines without pixels only): float32 [n, dim], L2-normalised rows."""
        ...

    def close(self) -> None:
        """Gives memory and devices back; the encoder is not used afterwards."""
        ...
