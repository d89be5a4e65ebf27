"""Rendered photos on the training device, as their shards are finished, and batches of whole designs from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.lab.train.data import BLOCK, shards
from scripts.render import CLASSES

#: Classes that a variant is judged on and never trained on: every eighth.
HELD = frozenset(range(5, len(CLASSES), 8))


class Photos:
    """uint8 pixels [n, side, side, 3] on `device`; the photos of design d are rows d·views … d·views + views - 1."""

    def __init__(self, folder: Path, device: str, capacity: int) -> None:
        facts = json.loads((folder / "set.json").read_text())
        self.folder, self.views, self.first = folder, int(facts["views"]), int(facts["first"])
        side = int(facts["side"])
        self.pixels = torch.empty((capacity, side, side, 3), dtype=torch.uint8, device=device)
        #: Class of every design, and (class name, seed): [designs].
        self.classes = np.zeros(0, np.int64)
        self.keys: list[tuple[str, int]] = []
        self._read: set[Path] = set()

    @property
    def designs(self) -> int:
        return len(self.keys)

    def take(self, at_most: int = 1 << 30) -> int:
        """Reads shards that have been finished since the last call; returns how many."""
        names, taken = list(CLASSES), 0
        for path, name, block in shards(self.folder):
            start = self.designs * self.views
            if path in self._read or taken >= at_most or start + BLOCK * self.views > len(self.pixels):
                continue
            block_of = torch.from_numpy(np.load(path)).flatten(0, 1)
            self.pixels[start : start + len(block_of)].copy_(block_of)
            self.classes = np.concatenate([self.classes, np.full(BLOCK, names.index(name))])
            self.keys += [(name, self.first + block * BLOCK + k) for k in range(BLOCK)]
            self._read.add(path)
            taken += 1
        return taken

    def usable(self, hold: bool) -> NDArray[np.int64]:
        """Designs to train on: all, or those of classes that are not held out."""
        kept = ~np.isin(self.classes, list(HELD)) if hold else np.ones(self.designs, bool)
        return np.flatnonzero(kept)

    def rows(self, designs: NDArray[np.int64], views: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """`views` different views of each design, design after design: [designs · views]."""
        chosen = rng.permuted(np.tile(np.arange(self.views), (len(designs), 1)), axis=1)[:, :views]
        return (designs[:, None] * self.views + chosen).ravel()

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """RGB 0…1 float32 [n, 3, side, side]."""
        index = torch.from_numpy(rows).to(self.pixels.device)
        return self.pixels[index].permute(0, 3, 1, 2).contiguous().float() / 255
