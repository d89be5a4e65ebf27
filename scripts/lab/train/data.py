"""Renders the training set in shards: some designs of one class, every design in several views. Resumable.

`python -m scripts.lab.train.data --out DIR`. Designs start at `TRAINING_SEEDS`; evaluation, tests and demo use
smaller ones. Shards are made round after round through all classes, so that what is there at any moment is balanced.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.render import CLASSES, render_view
from shared.core.process import die_with_parent

#: First design seed of training. Everything below is for evaluation, tests and demo, and is never trained on.
TRAINING_SEEDS = 1_000_000
#: Width of the views' spread, in turn: careful photos first, phone photos among them.
WILDNESS = (1.0, 1.8, 1.4)
#: Side of a view before it is brought to the set's: photos come sharp from large files or soft from small.
SIDES = (1.0, 0.72, 1.0, 1.3)
#: Designs of a shard.
BLOCK = 8
_SHARD = re.compile(r"(\d+)-(\w+)\.npy")


def _view(name: str, design: int, view: int, side: int) -> NDArray[np.uint8]:
    taken = round(side * SIDES[view % len(SIDES)])
    photo = render_view(name, design, view, taken, wild=WILDNESS[view % len(WILDNESS)])
    if taken == side:
        return photo
    return np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.BICUBIC))


def render_shard(out: Path, name: str, block: int, views: int, side: int, first: int) -> None:
    """Writes `<block>-<name>.npy`, uint8 [BLOCK, views, side, side, 3], whole or not at all."""
    target = out / f"{block:04d}-{name}.npy"
    if target.exists():
        return
    photos = np.empty((BLOCK, views, side, side, 3), np.uint8)
    for k in range(BLOCK):
        for view in range(views):
            photos[k, view] = _view(name, first + block * BLOCK + k, view, side)
    partial = out / f".{target.name}"
    with partial.open("wb") as file:
        np.save(file, photos)
    partial.rename(target)


def shards(out: Path) -> list[tuple[Path, str, int]]:
    """Finished shards in the order of their making: (file, class, block)."""
    found = [(path, _SHARD.fullmatch(path.name)) for path in out.glob("[0-9]*.npy")]
    return sorted((path, match[2], int(match[1])) for path, match in found if match)


def make(out: Path, blocks: int, views: int, side: int, first: int, workers: int) -> None:
    """Renders `blocks` shards of every class, on `workers` cores."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "set.json").write_text(json.dumps({"views": views, "side": side, "first": first}))
    with ProcessPoolExecutor(workers, initializer=die_with_parent, initargs=(os.getpid(),)) as pool:
        jobs = [
            pool.submit(render_shard, out, name, block, views, side, first)
            for block in range(blocks)
            for name in CLASSES
        ]
        for job in jobs:
            job.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--blocks", type=int, default=5, help=f"shards a class, of {BLOCK} designs each")
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--first", type=int, default=TRAINING_SEEDS)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    make(options.out, options.blocks, options.views, options.side, options.first, options.workers)


if __name__ == "__main__":
    main()
