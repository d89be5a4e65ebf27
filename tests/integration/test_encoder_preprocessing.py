"""Our preprocessing against open_clip's own transform, pixel by pixel."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared.encoder.open_clip_config import PreprocessConfig
from shared.encoder.preprocessing import Preprocessing

pytestmark = pytest.mark.slow

SIZES = [(448, 448), (450, 600), (601, 448), (224, 224), (224, 300), (100, 37), (37, 100), (225, 223), (1000, 90)]
TARGETS: list[int | tuple[int, int]] = [224, 336, 63, (224, 160), (96, 192)]


@pytest.fixture(scope="module")
def open_clip_transform() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from open_clip import transform
    return transform


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
def test_equals_open_clip(open_clip_transform: Any, mode: str, interpolation: str) -> None:
    draw = np.random.default_rng(0)
    for target, (height, width) in product(TARGETS, SIZES):
        rgb = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
        cfg = {
            "size": target,
            "mean": (0.1, 0.5, 0.9),
            "std": (0.3, 0.2, 1.0),
            "interpolation": interpolation,
            "resize_mode": mode,
            "fill_color": 7,
        }
        ours = Preprocessing.from_open_clip(PreprocessConfig.given(cfg))
        transform = open_clip_transform.image_transform_v2(open_clip_transform.PreprocessCfg(**cfg), is_train=False)
        expected = transform(Image.fromarray(rgb)).numpy()
        pixels = ours.apply(rgb)
        assert pixels.dtype == np.uint8
        found = ((pixels / np.float32(255) - np.float32(ours.mean)) / np.float32(ours.std)).transpose(2, 0, 1)
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=f"{mode} {target} of {height}×{width}")
        assert Preprocessing.from_open_clip(PreprocessConfig.from_json(ours.to_json())) == ours
