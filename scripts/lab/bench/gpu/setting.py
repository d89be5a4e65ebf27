"""What the parts share: a model's weights, data folder and photos, and the arithmetic of its image tower."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.lab.bench import model
from scripts.lab.bench.photos import Photos
from shared.encoder.open_clip_config import VisionConfig


def tell(**found: Any) -> None:
    """A finding, out at once: what comes later may fail."""
    print(json.dumps(found), flush=True)


class Setting:
    """One part's arguments: STORE ARCHITECTURE PHOTOS."""

    def __init__(self, work: Path) -> None:
        store, self.architecture, photos = sys.argv[1:4]
        self.store, self.work, self.count = Path(store), work, int(photos)
        self.photos = Photos(self.store / "pictures", work)

    @property
    def data(self) -> Path:
        """The data folder with the model's manifest and a bank."""
        return self.store / f"data-gpu-{self.architecture}"

    def settings(self, **more: str) -> dict[str, str]:
        weights = model.weights(self.store, self.architecture)
        return {"model": model.setting(weights), "engine": "torch", **more}


@contextmanager
def setting() -> Iterator[Setting]:
    with TemporaryDirectory(prefix="run-", dir=sys.argv[1]) as work:
        yield Setting(Path(work))


def operations(vision: VisionConfig, dim: int) -> int:
    """Multiply-adds, times two, of one photo through a plain ViT tower with this open_clip `vision_cfg`.

    As Weft runs it: the last block for the class token alone (`shared.encoder.class_token`).
    """
    width, layers, patch = vision.width, vision.layers, vision.patch_size
    assert isinstance(layers, int)
    assert patch
    side = vision.image_size if isinstance(vision.image_size, int) else vision.image_size[0]
    patches = (side // patch) ** 2
    tokens = patches + 1
    ratio = vision.mlp_ratio
    layer = (4 + 2 * ratio) * tokens * width**2 + 2 * tokens**2 * width
    unread = (2 + 2 * ratio) * patches * width**2 + 2 * patches * tokens * width
    return int(2 * (layers * layer - unread + patches * 3 * patch**2 * width + width * dim))
