"""Statistics of the rendered photos, made once and kept: the tower's fixed half needs no gradient. Resumable by class.

`python -m scripts.train.features DIR` waits for classes that `scripts.train.data` is still rendering.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from scripts.render import CLASSES
from shared.encoder.architectures.texture import Statistics

F = NDArray[np.float32]
BATCH = 16


def extractor(side: int = 224, threads: int = 2) -> Callable[[NDArray[np.uint8]], F]:
    """uint8 photos [n, side, side, 3] → statistics [n, d], float32, run by OpenVINO."""
    import openvino as ov

    converted = ov.convert_model(Statistics().eval(), example_input=torch.rand(BATCH, 3, side, side))
    converted.reshape([BATCH, 3, side, side])
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = ov.Core().compile_model(converted, "CPU", options)

    def extract(photos: NDArray[np.uint8]) -> F:
        rows: list[F] = []
        for start in range(0, len(photos), BATCH):
            part = np.asarray(photos[start : start + BATCH])
            batch = np.zeros((BATCH, 3, side, side), np.float32)
            batch[: len(part)] = part.transpose(0, 3, 1, 2) / np.float32(255)
            rows.append(compiled(batch)[0][: len(part)].copy())
        return np.concatenate(rows)

    return extract


def make(folder: Path, wait: float) -> None:
    """Writes `<class>.features.npy` float16 beside every `<class>.npy`."""
    extract = extractor()
    deadline = time.monotonic() + wait
    for name in CLASSES:
        source, target = folder / f"{name}.npy", folder / f"{name}.features.npy"
        while not source.exists() and time.monotonic() < deadline:
            time.sleep(1)
        if not target.exists():
            np.save(target, extract(np.load(source, mmap_mode="r")).astype(np.float16))
        print(name, flush=True)


def load(folder: Path) -> F:
    """All classes' statistics, in the table's order: [classes · designs · views, d] float32."""
    return np.concatenate([np.load(folder / f"{name}.features.npy").astype(np.float32) for name in CLASSES])


def load_sets(folders: list[Path]) -> tuple[F, NDArray[np.int64], list[tuple[str, int]], int]:
    """Several sets joined: statistics [n, d], class [n], (class name, design seed) a design, views a design."""
    rows, classes, keys = [], [], []
    facts = [json.loads((folder / "set.json").read_text()) for folder in folders]
    if len({entry["views"] for entry in facts}) != 1:
        raise ValueError("sets of different numbers of views cannot be joined")
    for folder, entry in zip(folders, facts, strict=True):
        designs, views, first = entry["designs"], entry["views"], entry["first"]
        rows.append(load(folder))
        classes.append(np.repeat(np.arange(len(CLASSES)), designs * views))
        keys += [(name, first + k) for name in CLASSES for k in range(designs)]
    return np.concatenate(rows), np.concatenate(classes), keys, facts[0]["views"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wait", type=float, default=3600.0, help="seconds")
    options = parser.parse_args()
    make(options.folder, options.wait)
