"""Several views of one photo, averaged: crops and turns of it, each encoded as a photo of its own.

The mean of several views says less of where the camera stood. Whether that helps depends on the cloth and the model,
and it costs as many times the encoding, so it is chosen for a bank (`weft bank check --views` measures it). A bank's
samples and the photos that are compared with it are seen in the same views, which are part of the encoder's identity:
crops compared with samples of whole photos are right half as often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shared.encoder.identity import digest
from shared.encoder.protocol import from_transforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from shared.core.encoder_info import EncoderInfo
    from shared.encoder.protocol import Encoder, Prepared, Transform
    from shared.photos.pixels import Pixels


@dataclass(frozen=True, slots=True)
class View:
    """A square of the photo's middle square, in shares of its side; and quarter turns."""

    top: float = 0.0
    left: float = 0.0
    side: float = 1.0
    turns: int = 0

    def __call__(self, pixels: Pixels) -> Pixels:
        """RGB pixels → uint8 [s, s, 3]; the whole photo as it is."""
        import numpy as np

        if self == View():
            return pixels
        rgb = np.asarray(pixels)
        height, width = rgb.shape[:2]
        short = min(height, width)
        top, left = (height - short) // 2 + int(self.top * short), (width - short) // 2 + int(self.left * short)
        side = max(1, int(self.side * short))
        return np.ascontiguousarray(np.rot90(rgb[top : top + side, left : left + side], self.turns))


_HALVES = tuple(View(top, left, 0.5) for top, left in ((0, 0), (0, 0.5), (0.5, 0), (0.5, 0.5), (0.25, 0.25)))
#: `Settings.views` → what is averaged: the photo; five crops of half its side (corners and middle); the photo and
#: these; the photo in four directions.
SETS: dict[str, tuple[View, ...]] = {
    "1": (View(),),
    "5": _HALVES,
    "6": (View(), *_HALVES),
    "turns": tuple(View(turns=quarter) for quarter in range(4)),
}


def seen(info: EncoderInfo, views: str) -> EncoderInfo:
    """The encoder with these views: another identity, so that its vectors are mixed with no others."""
    return info if views == "1" else replace(info, identity=digest("views", info.identity, views), views=views)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A transform of one view. Can be pickled."""

    view: View
    transform: Transform

    def __call__(self, rgb: Pixels) -> NDArray[np.uint8]:
        return self.transform(self.view(rgb))


class ViewsEncoder:
    """Implements `Encoder` over one that takes pixels: each photo's vector is the mean of those of its views."""

    needs_pixels = True

    def __init__(self, encoder: Encoder, views: str) -> None:
        self.info = seen(encoder.info, views)
        self._encoder = encoder
        self._views = SETS[views]
        self.decode_size = encoder.decode_size
        self.streams = encoder.streams
        self.read_jpeg = encoder.read_jpeg
        #: As many pictures per call as without views.
        self.micro_batch = max(1, encoder.micro_batch // len(self._views))

    @property
    def transforms(self) -> tuple[Transform, ...]:
        return tuple(_Seen(view, transform) for view in self._views for transform in self._encoder.transforms)

    def prepare(self, rgb: Pixels) -> Prepared:
        return from_transforms([transform(rgb) for transform in self.transforms])

    def encode(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        import numpy as np

        from shared.encoder.joined import normalise

        count, models = len(self._views), len(self._encoder.transforms)
        if not batch:
            return self._encoder.encode([])
        pictures: list[Any] = [
            from_transforms(photo[at * models : (at + 1) * models]) for photo in batch for at in range(count)
        ]
        size = max(1, self._encoder.micro_batch)
        rows = [self._encoder.encode(pictures[at : at + size]) for at in range(0, len(pictures), size)]
        return normalise(np.concatenate(rows).reshape(len(batch), count, -1).mean(axis=1))

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError("this engine takes pixels")

    def close(self) -> None:
        self._encoder.close()
