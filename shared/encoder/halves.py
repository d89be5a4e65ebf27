"""One half of an open_clip model: the image tower without the text tower, or the other way round. Needs torch."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from open_clip import factory
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed, resize_text_pos_embed
from safetensors import safe_open

if TYPE_CHECKING:
    from pathlib import Path

_IMAGE = "visual."
#: What stands where a tower is not needed.
_NO_TEXT = {"context_length": 8, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
_NO_IMAGE = {"image_size": 32, "patch_size": 32, "width": 64, "layers": 1}


def image_alone(architecture: str) -> str:
    """Names, to open_clip, the architecture with next to no text tower."""
    return _variant(architecture, "image-alone", text_cfg=_NO_TEXT)


def text_alone(architecture: str) -> str:
    """Names, to open_clip, the architecture with next to no image tower."""
    return _variant(architecture, "text-alone", vision_cfg=_NO_IMAGE)


def _variant(architecture: str, name: str, **parts: dict[str, int]) -> str:
    config = copy.deepcopy(factory._MODEL_CONFIGS[architecture]) | {key: dict(part) for key, part in parts.items()}
    factory._MODEL_CONFIGS[f"{architecture}-{name}"] = config
    return f"{architecture}-{name}"


def load(model: Any, weights: Path, *, image: bool) -> None:
    """Loads the weights of the image tower, or of everything else, as `open_clip.load_checkpoint` does.

    Raises RuntimeError where they do not fit, and what the file's library raises.
    """
    state = _read(weights, image)
    if not state:
        raise RuntimeError("no weight of this half is in the file")
    state = convert_state_dict(model, state)
    if image:
        resize_pos_embed(state, model)
        own = {name.removeprefix(_IMAGE): value for name, value in state.items() if name.startswith(_IMAGE)}
        model.visual.load_state_dict(own)
        return
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    for scalar in ("logit_scale", "logit_bias"):
        if scalar in state and getattr(model, scalar, None) is not None:
            state[scalar] = state[scalar].reshape(getattr(model, scalar).shape)
    # Weights of a model without a bias may be loaded into one with it: it plays no part in cosines.
    if getattr(model, "logit_bias", None) is not None:
        state.setdefault("logit_bias", model.logit_bias.detach().clone())
    # Versions of transformers from 4.31 on have no such buffer.
    state.pop("text.transformer.embeddings.position_ids", None)
    resize_text_pos_embed(state, model)
    model.load_state_dict(state)


def _read(weights: Path, image: bool) -> dict[str, Any]:
    """Only the tensors of that half; of safetensors, nothing else is read."""
    if weights.suffix == ".safetensors":
        with safe_open(weights, framework="pt") as file:
            names = list(file.keys())
            prefix = "module." if names and all(name.startswith("module.") for name in names) else ""
            wanted = [name for name in names if name.removeprefix(prefix).startswith(_IMAGE) == image]
            return {name.removeprefix(prefix): file.get_tensor(name) for name in wanted}
    state = factory.load_state_dict(str(weights), weights_only=True)
    return {name: value for name, value in state.items() if name.startswith(_IMAGE) == image}
