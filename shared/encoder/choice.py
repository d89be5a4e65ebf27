"""Where a model's preprocessing and activation come from, decided before anything is loaded. Needs no torch.

In this order: the tag that WEFT_MODEL names (`ARCH/TAG`, or `ARCH/FILE@TAG` for a file that was trained like that tag);
`open_clip_config.json` beside the weights; open_clip's tags of the architecture, where all of them agree; open_clip's
defaults, where it has no tags. Tags that disagree are no ground to choose on: then the user is asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.core.errors import ModelError
from shared.encoder import tables
from shared.encoder.open_clip_config import PreprocessConfig, PretrainedConfig
from shared.encoder.preprocessing import Preprocessing

if TYPE_CHECKING:
    from pathlib import Path

    from shared.encoder.spec import Part

#: Of a published open_clip model; lies beside its weights.
CONFIG_NAME = "open_clip_config.json"
#: Tags that a sentence names for each value.
_NAMED = 3


class Source(StrEnum):
    """What a model's preprocessing was taken from; manifests and heartbeats carry it."""

    #: Followed by `:TAG`: one tag's entry in open_clip's table.
    TAG = "tag"
    #: All tags of the architecture, which agree.
    TAGS = "tags"
    #: `open_clip_config.json` beside the weights.
    CONFIG = "config"
    #: open_clip's defaults; it has no tags of the architecture.
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Choice:
    preprocess: PreprocessConfig
    #: QuickGELU although the architecture's own config has GELU.
    quick_gelu: bool
    #: A `Source`, with `:TAG` where it is TAG.
    source: str

    def preprocessing(self, image_size: int | list[int]) -> Preprocessing:
        """All fields; `image_size` is the architecture's own, pixels, for where nothing else is said."""
        return Preprocessing.from_open_clip(PreprocessConfig(size=image_size).changed_by(self.preprocess))


def choose(part: Part, weights: Path | None, pretrained: PretrainedConfig | None = None) -> Choice | None:
    """What holds for `part`, whose weights lie at `weights` (None: not on this machine).

    `pretrained`: what open_clip itself says of the part's tag, where it is loaded. None where the tag is not in the
    table, as that of a later open_clip.
    Raises ModelError: `model_unknown_tag`, `model_preprocessing_unclear`, `model_unavailable` (damaged config).
    """
    known = tables.tags(part.architecture)
    if part.tag is not None:
        entry = pretrained or known.get(part.tag)
        return _of_tag(part, part.tag, entry) if entry else None
    if part.trained_like is not None:
        if part.trained_like not in known:
            raise unknown_tag(part, part.trained_like)
        return _of_tag(part, part.trained_like, known[part.trained_like])
    beside = config_beside(weights)
    if beside is not None:
        quick_gelu = bool((beside.get("model_cfg") or {}).get("quick_gelu"))
        preprocess = PreprocessConfig.given(beside.get("preprocess_cfg") or {})
        return Choice(preprocess, _forced(part, quick_gelu), Source.CONFIG)
    if not known:
        return Choice(PreprocessConfig(), quick_gelu=False, source=Source.DEFAULT)
    values = _by_value(known)
    if len(values) > 1:
        raise ModelError("model_preprocessing_unclear", model=part.name, values=_told(values))
    # The activation stays the architecture's own: `ARCH-quickgelu` is how open_clip names the other.
    return Choice(next(iter(known.values())).preprocess, quick_gelu=False, source=Source.TAGS)


def other_activation(part: Part) -> list[str]:
    """The tags whose weights need QuickGELU, where `part` is a bare file that will run with GELU; [] otherwise."""
    if part.tag is not None or part.trained_like is not None or tables.has_quick_gelu(part.architecture):
        return []
    return [tag for tag, entry in tables.tags(part.architecture).items() if entry.quick_gelu]


def unknown_tag(part: Part, tag: str) -> ModelError:
    """The refusal of a tag that the architecture does not have; names those that are like it, else all."""
    known = tables.tags(part.architecture)
    near = tables.near(tag, known)
    named: dict[str, Any] = {"near": ", ".join(near)} if near else {"known": ", ".join(known) or "–"}
    return ModelError("model_unknown_tag", model=part.name, architecture=part.architecture, tag=tag, **named)


def unknown_architecture(part: Part) -> ModelError:
    """The refusal of an architecture that open_clip does not have; names those that are like it."""
    near = tables.near(part.architecture, tables.architectures()) or tables.near(part.name, tables.architectures())
    named: dict[str, Any] = {"near": ", ".join(near)} if near else {}
    return ModelError("model_unknown_architecture", model=part.name, architecture=part.architecture, **named)


def config_beside(weights: Path | None) -> Any:
    """The `open_clip_config.json` beside a weights file; None where there is none.

    Raises ModelError `model_unavailable` where it is damaged.
    """
    path = weights.with_name(CONFIG_NAME) if weights else None
    if path is None or not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        PreprocessConfig.given(raw.get("preprocess_cfg") or {})
        (raw.get("model_cfg") or {}).get("quick_gelu")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(model=str(weights), reason=f"{path.name}: {error}") from error
    return raw


def _of_tag(part: Part, tag: str, entry: PretrainedConfig) -> Choice:
    return Choice(entry.preprocess, _forced(part, entry.quick_gelu), f"{Source.TAG}:{tag}")


def _forced(part: Part, quick_gelu: bool) -> bool:
    return quick_gelu and not tables.has_quick_gelu(part.architecture)


def _by_value(known: dict[str, PretrainedConfig]) -> list[tuple[PreprocessConfig, list[str]]]:
    values: list[tuple[PreprocessConfig, list[str]]] = []
    for tag, entry in known.items():
        same = next((tags for value, tags in values if value == entry.preprocess), None)
        if same is None:
            values.append((entry.preprocess, [tag]))
        else:
            same.append(tag)
    return values


def _told(values: list[tuple[PreprocessConfig, list[str]]]) -> str:
    """`TAG, TAG, …: mean …, std …, resize …; TAG: …`, only the fields that differ."""
    documents = [value.to_json() for value, _ in values]
    differing = [key for key in documents[0] if len({str(document.get(key)) for document in documents}) > 1]
    return "; ".join(
        f"{', '.join(tags[:_NAMED])}{', …' if len(tags) > _NAMED else ''}: "
        + ", ".join(f"{key} {document.get(key)}" for key in differing)
        for document, (_, tags) in zip(documents, values, strict=True)
    )
