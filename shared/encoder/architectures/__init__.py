"""Architectures of our own: open_clip configs (`*.json` here) and, where a config needs one, a tower in Python.

A new architecture is a JSON file in this folder. If open_clip cannot build its image tower, add a module here whose
`register()` teaches it, and call that from `register()` below.
"""

from __future__ import annotations

import json
from pathlib import Path

from shared.encoder.open_clip_config import ModelConfig

HERE = Path(__file__).parent


def config(architecture: str) -> ModelConfig | None:
    """The open_clip config of an architecture of ours, or None where open_clip is to know it. Needs no torch."""
    path = HERE / f"{architecture}.json"
    if "/" in architecture or not path.is_file():
        return None
    return ModelConfig.from_json(json.loads(path.read_text(encoding="utf-8")))


def register() -> None:
    """Makes every architecture of this folder known to open_clip; called before a model is created."""
    import open_clip
    from open_clip import factory

    from shared.encoder.architectures import tower

    tower.register()
    open_clip.add_model_config(HERE)
    for path in HERE.glob("*.json"):
        # open_clip reads a tokenizer's file relative to the working directory; ours lies beside its config
        options = factory._MODEL_CONFIGS[path.stem]["text_cfg"].get("tokenizer_kwargs", {})
        if "bpe_path" in options:
            options["bpe_path"] = str(HERE / options["bpe_path"])
