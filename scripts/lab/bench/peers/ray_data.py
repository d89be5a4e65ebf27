"""Ray Data batch inference as documented: decoding tasks, then one actor with the model, batches of 32."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np
import open_clip
import ray
import torch
from PIL import Image
from serve import serve

Arrays = dict[str, np.ndarray[Any, Any]]

ARCHITECTURE, WEIGHTS = sys.argv[1], sys.argv[2]
ray.init(num_cpus=(os.cpu_count() or 1) + 1, include_dashboard=False, log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False
TRANSFORM = open_clip.image_transform(224, is_train=False)


def load(row: dict[str, str]) -> Arrays:
    return {"pixels": TRANSFORM(Image.open(row["item"]).convert("RGB")).numpy()}


class Encoder:
    def __init__(self) -> None:
        torch.set_num_threads(os.cpu_count() or 1)
        self._model = open_clip.create_model(ARCHITECTURE, pretrained=WEIGHTS).eval()

    def __call__(self, batch: Arrays) -> Arrays:
        with torch.no_grad():
            return {"vector": self._model.encode_image(torch.from_numpy(batch["pixels"]), normalize=True).numpy()}


def run(photos: list[str]) -> tuple[list[np.ndarray[Any, Any]], float]:
    began = time.perf_counter()
    found = ray.data.from_items(photos, override_num_blocks=max(2, len(photos) // 32)).map(load)
    found = found.map_batches(Encoder, batch_size=32, compute=ray.data.ActorPoolStrategy(size=1))
    vectors = [row["vector"] for row in found.iter_rows()]
    return vectors, time.perf_counter() - began


def encode(photos: list[str]) -> tuple[list[np.ndarray[Any, Any]], float]:
    """Starting its actor and loading the model in it is not counted: what two photos take is taken off."""
    if not starts:
        starts.extend(run(photos[:2])[1] for _ in range(3))
    vectors, seconds = run(photos)
    return vectors, max(1e-3, seconds - min(starts))


starts: list[float] = []
serve(encode)
