"""What is wrong with a weights file: which file it is instead, or where it does not fit the architecture. Needs torch.

OpenAI's own TorchScript archives are named and refused: `torch.jit.load` runs what is in the archive (`__setstate__`
of its modules, TorchScript), and torch's weights-only reader declines them. The sentence says how somebody who trusts
the file takes the weights out of it.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import torch

from shared.core.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from shared.encoder.spec import Part

#: Bytes that tell a kind of file.
_HEAD = 512
#: Keys by which others' layouts of CLIP are known: (prefix or key, whose it is).
_LAYOUTS = (
    ("bert.", "Chinese-CLIP (OFA-Sys)"),
    ("module.bert.", "Chinese-CLIP (OFA-Sys)"),
    ("text_model.", "transformers (Hugging Face)"),
    ("vision_model.", "transformers (Hugging Face)"),
    ("clip.vision_model.", "transformers (Hugging Face)"),
    ("embeddings.cls_token", "transformers (Hugging Face), DINOv2"),
    ("blocks.0.", "timm, an image tower alone"),
    ("conv1.weight", "an image tower alone"),
    ("class_embedding", "an image tower alone"),
)
#: Wrappers of training scripts that open_clip does not open.
_WRAPPERS = ("model", "model_state_dict", "ema", "net")
#: Tensors that open_clip interpolates to the architecture's size.
_RESIZED = ("positional_embedding", "visual.positional_embedding", "text.positional_embedding")


def refuse_by_content(part: Part, weights: Path) -> None:
    """Raises ModelError where the first bytes say that this is no weights file: `model_file_empty`, `model_file_lfs`,
    `model_file_page`, `model_file_torchscript`."""
    with weights.open("rb") as file:
        head = file.read(_HEAD)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    names: dict[str, Any] = {"model": part.name, "file": weights.name}
    if not head:
        raise ModelError("model_file_empty", **names)
    if text.startswith(b"version https://git-lfs"):
        raise ModelError("model_file_lfs", **names)
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")):
        raise ModelError("model_file_page", **names)
    if head.startswith(b"PK") and _is_torchscript(weights):
        raise ModelError("model_file_torchscript", stem=weights.stem, architecture=part.architecture, **names)


def of_failure(part: Part, weights: Path, model: Any, error: Exception) -> ModelError:
    """Why `weights` could not be loaded into `model`: `model_weights_layout`, `model_weights_shape`,
    `model_weights_keys`, `model_file_pickle`, `model_file_damaged`, or `model_unavailable` with torch's own reason.

    Reads the file a second time; nothing of it is unpickled but tensors.
    """
    from open_clip.convert import convert_state_dict
    from open_clip.factory import load_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    names: dict[str, Any] = {"model": part.name, "file": weights.name, "architecture": part.architecture}
    try:
        state = load_state_dict(str(weights), weights_only=True)
    except Exception as unreadable:
        if _is_pickle(weights):
            return ModelError("model_file_pickle", **names)
        return ModelError("model_file_damaged", reason=first_line(unreadable), **names)
    if not isinstance(state, dict):
        return ModelError("model_file_pickle", **names)
    wrapper = next((key for key in _WRAPPERS if isinstance(state.get(key), dict)), None)
    if wrapper is not None:
        return ModelError("model_weights_layout", layout=f'{{"{wrapper}": …}}', first=wrapper, **names)
    for start, layout in _LAYOUTS:
        first = next((key for key in state if str(key).startswith(start)), None)
        if first is not None:
            return ModelError("model_weights_layout", layout=layout, first=first, **names)
    state = convert_state_dict(model, state)
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    return _misfit(model.state_dict(), state, names) or ModelError(model=part.name, reason=first_line(error))


def refuse_non_finite(part: Part, weights: Path, model: Any) -> None:
    """Raises ModelError `model_weights_nan` where a loaded weight is NaN or infinite."""
    for layer, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not layer.endswith("attn_mask"):  # a causal mask is made of -inf
            wrong = int((~torch.isfinite(tensor)).sum())
            if wrong:
                details = {"layer": layer, "wrong": wrong, "all": tensor.numel()}
                raise ModelError("model_weights_nan", model=part.name, file=weights.name, **details)


def first_line(error: Exception) -> str:
    """The first line of what a library says, at most 300 characters."""
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:300]


def _misfit(wanted: dict[str, Any], given: dict[str, Any], names: dict[str, Any]) -> ModelError | None:
    """Shapes first: a file of another width has all the keys."""
    for layer, tensor in wanted.items():
        found = given.get(layer)
        if found is None or not hasattr(found, "shape"):
            continue
        expected, has = list(tensor.shape), list(found.shape)
        # Positions are interpolated, the width is not; a scalar may be written as one value.
        same = expected == has or tensor.numel() == found.numel() == 1
        fits = expected[-1:] == has[-1:] if layer in _RESIZED else same
        if not fits:
            return ModelError("model_weights_shape", layer=layer, expected=_shape(expected), found=_shape(has), **names)
    missing = [layer for layer in wanted if layer not in given]
    unexpected = [layer for layer in given if layer not in wanted]
    if not missing and not unexpected:
        return None
    counts = {"missing": len(missing), "unexpected": len(unexpected), "keys": len(given)}
    return ModelError("model_weights_keys", first=(missing or unexpected)[0], **counts, **names)


def _shape(sizes: list[int]) -> str:
    return " × ".join(map(str, sizes)) or "1"


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _is_pickle(path: Path) -> bool:
    """Whether the file is whole as torch writes it (a zip since 1.6, a bare pickle before): then objects are in it."""
    with path.open("rb") as file:
        head = file.read(2)
    return zipfile.is_zipfile(path) if head == b"PK" else head.startswith(b"\x80")
