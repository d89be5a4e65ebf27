"""Renders the training set: one file a class, every design in several views. Resumable: finished classes are kept.

`python -m scripts.train.data --out DIR`. Designs start at `TRAINING_SEEDS`; evaluation, tests and demo use smaller ones.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.render import CLASSES, render_view

#: First design seed of training. Everything below is for evaluation, tests and demo, and is never trained on.
TRAINING_SEEDS = 1_000_000
#: Width of the views' spread, in turn: careful photos first, phone photos among them.
WILDNESS = (1.0, 1.0, 1.8, 1.4)


@dataclass(slots=True)
class Rendered:
    """Photos [n, side, side, 3] uint8 (memory-mapped), class index [n], design [n] (unique over all classes)."""

    photos: list[NDArray[np.uint8]]
    names: list[str]
    designs: int
    views: int

    def __len__(self) -> int:
        return len(self.photos) * self.designs * self.views

    def locate(self, index: int) -> tuple[int, int, int]:
        """(class, design of that class, view) of photo `index`."""
        klass, rest = divmod(index, self.designs * self.views)
        return klass, rest // self.views, rest % self.views

    def photo(self, index: int) -> NDArray[np.uint8]:
        klass, rest = divmod(index, self.designs * self.views)
        return self.photos[klass][rest]


def _render_class(name: str, out: str, designs: int, views: int, side: int, first: int) -> str:
    target = Path(out) / f"{name}.npy"
    if not target.exists():
        block = np.empty((designs * views, side, side, 3), np.uint8)
        for design in range(designs):
            for view in range(views):
                wild = WILDNESS[view % len(WILDNESS)]
                block[design * views + view] = render_view(name, first + design, view, side, wild=wild)
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


def load(folder: Path) -> Rendered:
    """The set that `make` wrote, memory-mapped."""
    facts = json.loads((folder / "set.json").read_text())
    photos = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in CLASSES]
    return Rendered(photos, list(CLASSES), facts["designs"], facts["views"])


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
