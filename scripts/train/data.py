"""Renders the training set: one file a class, every design in several views. Resumable: finished classes are kept.

`python -m scripts.train.data --out DIR`. Designs start at `TRAINING_SEEDS`; evaluation, tests and demo use smaller ones.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.render import CLASSES, render_view

#: First design seed of training. Everything below is for evaluation, tests and demo, and is never trained on.
TRAINING_SEEDS = 1_000_000
#: Width of the views' spread, in turn: careful photos first, phone photos among them.
WILDNESS = (1.0, 1.0, 1.8, 1.4)
#: Side at which a view is rendered before it is brought to the set's: photos come sharp from large files or soft from small.
SIDES = (1.0, 0.72, 1.45, 1.0)


def _view(name: str, design: int, view: int, side: int) -> NDArray[np.uint8]:
    taken = round(side * SIDES[view % len(SIDES)])
    photo = render_view(name, design, view, taken, wild=WILDNESS[view % len(WILDNESS)])
    if taken == side:
        return photo
    return np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.BICUBIC))


def _render_class(name: str, out: str, designs: int, views: int, side: int, first: int) -> str:
    target = Path(out) / f"{name}.npy"
    if not target.exists():
        block = np.empty((designs * views, side, side, 3), np.uint8)
        for design in range(designs):
            for view in range(views):
                block[design * views + view] = _view(name, first + design, view, side)
        partial = target.with_suffix(".part.npy")
        np.save(partial, block)
        partial.rename(target)
    return name


def make(out: Path, designs: int, views: int, side: int, first: int, workers: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "set.json").write_text(json.dumps({"designs": designs, "views": views, "side": side, "first": first}))
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(_render_class, name, str(out), designs, views, side, first) for name in CLASSES]
        for number, job in enumerate(jobs, 1):
            print(f"{number}/{len(jobs)} {job.result()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--designs", type=int, default=40)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--first", type=int, default=TRAINING_SEEDS)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    make(options.out, options.designs, options.views, options.side, options.first, options.workers)


if __name__ == "__main__":
    main()
