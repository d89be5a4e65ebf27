"""Every architecture that open_clip bundles can be read: its config, and which of its halves are whose."""

from __future__ import annotations

import open_clip
import pytest

from shared.encoder.open_clip_config import ModelConfig


@pytest.mark.parametrize("architecture", open_clip.list_models())
def test_its_config_is_read(architecture: str) -> None:
    raw = open_clip.get_model_config(architecture)
    config = ModelConfig.from_json(raw)
    assert config.embed_dim == raw["embed_dim"]
    assert config.text_cfg == raw["text_cfg"]
