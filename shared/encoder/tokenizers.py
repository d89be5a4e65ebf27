"""Tokenizers and text configurations that open_clip leaves to the transformers library. Needs torch.

They come from the hub, or without a network from a folder below WEFT_MODEL_DIR that has the hub's name, e.g.
`timm/ViT-B-16-SigLIP`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import open_clip
from open_clip import factory

from shared.core.errors import ModelError
from shared.encoder import diagnosis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from shared.encoder.open_clip_config import ModelConfig
    from shared.encoder.spec import Part

#: In `text_cfg`: what names a repository of the hub.
_HUB = ("hf_model_name", "hf_tokenizer_name")


def local_files(part: Part, config: ModelConfig, weights_dir: Path) -> None:
    """Has open_clip take from `weights_dir` what of the hub is there. Raises ModelError `model_needs_transformers`."""
    names = [name for key in _HUB if (name := config.text_cfg.get(key))]
    if names and find_spec("transformers") is None:
        raise ModelError("model_needs_transformers", model=part.name)
    known: dict[str, Any] = factory._MODEL_CONFIGS[part.architecture]["text_cfg"]
    for key in _HUB:
        name = config.text_cfg.get(key)
        if name and (weights_dir / name).is_dir():
            known[key] = str((weights_dir / name).resolve())


def tokenizer_for(part: Part, config: ModelConfig, weights_dir: Path) -> Callable[[list[str]], torch.Tensor]:
    """texts → token ids int64 [n, context length]; after `local_files`.

    Raises ModelError `model_tokenizer_missing` where it is neither on this machine nor to be had from the hub.
    """
    try:
        tokenizer: Callable[[list[str]], torch.Tensor] = open_clip.get_tokenizer(part.architecture)
    except Exception as error:  # of the hub, of the network, of the files
        name = config.text_cfg.get("hf_tokenizer_name") or part.architecture
        detail: dict[str, Any] = {
            "tokenizer": name,
            "folder": str(weights_dir / name),
            "reason": diagnosis.first_line(error),
        }
        raise ModelError("model_tokenizer_missing", model=part.name, **detail) from error
    return tokenizer
