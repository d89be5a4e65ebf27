"""WEFT_MODEL read into parts: `demo`, `ARCH/TAG`, `ARCH/path/to/weights.safetensors`, several joined by ` + `.

`ARCH/path/to/weights.safetensors@TAG`: a file that was trained like that tag, which then gives its preprocessing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from shared.core.errors import ModelError
from shared.encoder import demo

#: Endings of weight files. Everything but safetensors is read with torch's weights-only unpickler.
WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
#: In the names of architectures whose text towers read Chinese.
_CHINESE = ("xlm-roberta", "nllb", "mt5", "i18n", "SigLIP2", "worldwide")


@dataclass(frozen=True, slots=True)
class Part:
    """One CLIP model. Exactly one of `tag` and `weights` says where its weights come from."""

    #: As people see it.
    name: str
    architecture: str
    #: open_clip's pretrained tag.
    tag: str | None = None
    #: Weights file, as written: found by `weights.locate`.
    weights: str | None = None
    #: For a file: the tag whose preprocessing and activation it has; None: see `choice`.
    trained_like: str | None = None


def parse(model: str) -> tuple[Part, ...]:
    """The parts of a WEFT_MODEL value. Raises ModelError `model_unavailable` where it cannot be read."""
    parts = tuple(_part(piece.strip()) for piece in model.split(" + "))
    if len({part.name for part in parts}) < len(parts):
        raise ModelError(model=model, reason="the same model is named twice")
    return parts


def _part(text: str) -> Part:
    if text == "demo":
        return Part(demo.NAME, demo.ARCHITECTURE, weights=str(demo.WEIGHTS))
    architecture, slash, source = text.partition("/")
    if not (architecture and slash and source):
        raise ModelError(model=text or "?", reason="expected demo, ARCH/TAG or ARCH/path/to/weights.safetensors")
    if source.endswith(WEIGHT_SUFFIXES):
        return Part(text, architecture, weights=source)
    path, at, tag = source.rpartition("@")
    if at and tag and path.endswith(WEIGHT_SUFFIXES):
        return Part(text, architecture, weights=path, trained_like=tag)
    return Part(text, architecture, tag=source)


def reads_chinese(part: Part) -> bool:
    """Whether the text tower was trained on Chinese texts, too, judging by its tokenizer or its name."""
    return any(sign in part.architecture for sign in _CHINESE)


def like(part: Part, tag: str) -> Part:
    """The part, prepared as open_clip's `tag`. Raises ModelError where it is no weights file or names a tag already."""
    if part.weights is None or part.name == demo.NAME or part.trained_like not in (None, tag):
        raise ModelError(model=part.name, reason="--preprocessing-of TAG is for one ARCH/path/to/weights file")
    return part if part.trained_like else replace(part, name=f"{part.name}@{tag}", trained_like=tag)


def join_names(parts: tuple[Part, ...]) -> str:
    return " + ".join(part.name for part in parts)


def locate_weights(part: Part, weights_dir: Path) -> Path | None:
    """The part's weights file on this machine, or None.

    A path is absolute, relative, or below `weights_dir`; for a tag, a file put by hand at
    `weights_dir/ARCH/TAG.safetensors` (or .pt, .pth, .bin; or `ARCH-TAG.…`) counts.
    """
    if part.weights is not None:
        written = Path(part.weights).expanduser()
        places = [written, weights_dir / written, Path("/") / written]
    elif part.tag is not None:
        stems = (weights_dir / part.architecture / part.tag, weights_dir / f"{part.architecture}-{part.tag}")
        places = [stem.with_name(stem.name + suffix) for stem in stems for suffix in WEIGHT_SUFFIXES]
    else:
        places = []
    return next((place.resolve() for place in places if place.is_file()), None)
