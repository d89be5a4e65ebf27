"""open_clip's own configs, as far as they are read here. Needs neither torch nor open_clip."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from shared.core.documents import Document


class VisionConfig(Document):
    """An architecture's `vision_cfg`; 0, null or a list: another kind of tower than a plain vision transformer."""

    #: Pixels, or height and width.
    image_size: int | list[int] = 224
    width: int = 0
    #: Of a ResNet, those of each stage.
    layers: int | list[int] = 0
    patch_size: int | None = 0
    mlp_ratio: float = 4.0


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """An architecture's config. `raw` is all of it: a model's identity is a digest over that."""

    raw: Any
    embed_dim: int
    vision: VisionConfig

    @property
    def text_cfg(self) -> dict[str, Any]:
        """The text tower's part; {} where there is none."""
        found: dict[str, Any] = self.raw.get("text_cfg") or {}
        return found

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        return cls(raw, int(raw["embed_dim"]), VisionConfig.from_json(raw["vision_cfg"]))


class PreprocessConfig(Document):
    """A `preprocess_cfg`: parameters of the image transform; one that is not given is open_clip's default."""

    size: int | list[int] | None = None
    mean: float | list[float] | None = None
    std: float | list[float] | None = None
    interpolation: str | None = None
    resize_mode: str | None = None
    fill_color: float | None = None

    @classmethod
    def given(cls, raw: Any) -> Self:
        """Without the keys that are null."""
        return cls.from_json({key: value for key, value in raw.items() if value is not None})

    def changed_by(self, other: PreprocessConfig) -> PreprocessConfig:
        """What `other` gives over what this one gives."""
        return PreprocessConfig.from_json(self.to_json() | other.to_json())


@dataclass(frozen=True, slots=True)
class PretrainedConfig:
    """What open_clip's tables say of a tag; `raw` is all of it, which its downloader takes."""

    raw: Any
    quick_gelu: bool = False
    preprocess: PreprocessConfig = field(default_factory=PreprocessConfig)

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        known = ("mean", "std", "interpolation", "resize_mode")
        preprocess = PreprocessConfig.given({key: raw[key] for key in known if key in raw})
        return cls(raw, bool(raw.get("quick_gelu")), preprocess)
