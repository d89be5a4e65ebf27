"""open_clip's image transform without torch and torchvision.

`Preprocessing` holds the parameters (open_clip's `PreprocessCfg`); `apply` resizes and crops with Pillow exactly as
open_clip's `image_transform(..., is_train=False)` does before ToTensor and Normalize, which the engines do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from shared.encoder.open_clip_config import PreprocessConfig
    from shared.photos.pixels import Pixels


#: open_clip.constants: OpenAI's normalisation, the default of every model that names no other.
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)


#: Longer sides, in shorter ones, beyond which only the middle of a photo is resized.
_LONG = 16


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Parameters of the transform; part of a model's identity."""

    #: Height and width of the input, pixels.
    size: tuple[int, int]
    mean: tuple[float, float, float] = OPENAI_MEAN
    std: tuple[float, float, float] = OPENAI_STD
    #: `bicubic` or `bilinear`.
    interpolation: str = "bicubic"
    #: `shortest` (then a centre crop), `longest` (then padding) or `squash`.
    resize_mode: str = "shortest"
    #: Grey level of the padding, 0…255.
    fill_color: int = 0

    @classmethod
    def from_open_clip(cls, cfg: PreprocessConfig) -> Preprocessing:
        """From open_clip's `preprocess_cfg` (scalars are widened as its transform does)."""
        if cfg.size is None:
            raise ValueError("preprocess_cfg has no size")
        height, width = (cfg.size, cfg.size) if isinstance(cfg.size, int) else (cfg.size[0], cfg.size[-1])
        return cls(
            size=(int(height), int(width)),
            mean=_three(cfg.mean or OPENAI_MEAN),
            std=_three(cfg.std or OPENAI_STD),
            # `random` is a training option; open_clip reads it as bicubic at inference
            interpolation="bilinear" if cfg.interpolation == "bilinear" else "bicubic",
            resize_mode=cfg.resize_mode or "shortest",
            fill_color=int(cfg.fill_color or 0),
        )

    @property
    def side(self) -> int:
        return max(self.size)

    def to_json(self) -> dict[str, str | int | list[int] | list[float]]:
        """As JSON; `from_open_clip` reads it back."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def apply(self, rgb: Pixels) -> NDArray[np.uint8]:
        """RGB pixels of any size → uint8 [size[0], size[1], 3]."""
        import numpy as np

        from shared.photos.pixels import picture

        return np.asarray(self._fit(picture(rgb)))

    def _fit(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        if self.resize_mode == "squash":
            return self._resize(image, width, height)
        if self.resize_mode == "longest":
            ratio = max(image.height / height, image.width / width)
            return self._centre(self._resize(image, round(image.width / ratio), round(image.height / ratio)))
        if height == width:  # torchvision.Resize(int): the longer side is truncated, not rounded
            short, long = sorted(image.size)
            stretched = int(height * long / short)
            wide = image.width > image.height
            if stretched > _LONG * height:
                image = self._middle(image, short, long)
                stretched = int(height * max(image.size) / short)
            image = self._resize(image, stretched if wide else width, height if wide else stretched)
        else:
            ratio = min(image.height / height, image.width / width)
            # open_clip builds this one resize without handing its interpolation on: always bicubic
            image = self._resize(image, round(image.width / ratio), round(image.height / ratio), bicubic=True)
        return self._centre(image)

    def _middle(self, image: Image.Image, short: int, long: int) -> Image.Image:
        """The middle of a strip: the rest would be resized and then cropped away. Off by less than a pixel."""
        kept = min(long, 2 * -(-_LONG * short // 2) + long % 2)
        before = (long - kept) // 2
        if image.width > image.height:
            return image.crop((before, 0, before + kept, short))
        return image.crop((0, before, short, before + kept))

    def _resize(self, image: Image.Image, width: int, height: int, *, bicubic: bool = False) -> Image.Image:
        from PIL.Image import Resampling

        if image.size == (width, height):
            return image
        return image.resize(
            (width, height), Resampling.BICUBIC if bicubic or self.interpolation == "bicubic" else Resampling.BILINEAR
        )

    def _centre(self, image: Image.Image) -> Image.Image:
        """torchvision's centre crop; a smaller image is padded with `fill_color`, the odd pixel right and below."""
        from PIL import Image as Images

        height, width = self.size
        if image.size == (width, height):
            return image
        if image.width < width or image.height < height:
            canvas = Images.new("RGB", (max(width, image.width), max(height, image.height)), (self.fill_color,) * 3)
            canvas.paste(image, (max(0, width - image.width) // 2, max(0, height - image.height) // 2))
            image = canvas
        left, top = round((image.width - width) / 2.0), round((image.height - height) / 2.0)
        return image.crop((left, top, left + width, top + height))


def _three(value: float | Sequence[float]) -> tuple[float, float, float]:
    if isinstance(value, (int, float)):
        return (float(value),) * 3
    red, green, blue = value
    return float(red), float(green), float(blue)
