"""Trains the convolution on rendered designs: views of one cloth together, other cloths apart, structures told apart.

Supervised contrastive loss on designs (Khosla et al. 2020) and a weaker cross-entropy on classes. Seeded; a run of
`steps` repeats exactly on one machine, a run of `seconds` does as much as fits. Resumes from its checkpoint.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from scripts.lab.train.augment import augment
from scripts.lab.train.photos import Photos
from scripts.render import CLASSES
from shared.encoder.architectures.convolution import Convolution
from shared.encoder.architectures.planes import see

#: Seconds between checkpoints, and steps between log lines.
SAVE_EVERY, LOG_EVERY = 20.0, 50


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of training; what the table of variants compares."""

    name: str
    #: False: the net sees contrast-normalised grey alone.
    colour: bool = True
    #: Of the augmentation.
    strength: float = 1.0
    #: Weights of the losses on designs and on classes.
    design: float = 1.0
    structure: float = 0.3
    #: Whether every eighth class is kept out, to be judged on.
    hold: bool = True
    designs: int = 128
    views: int = 4
    side: int = 160
    rate: float = 2e-3
    seed: int = 7


class Heads(nn.Module):
    """What the losses see; thrown away afterwards."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.even = nn.BatchNorm1d(width)
        self.design = nn.Sequential(nn.Linear(width, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 128))
        self.structure = nn.Linear(width, len(CLASSES))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.even(features)
        return F.normalize(self.design(rows), dim=1), self.structure(F.dropout(rows, 0.3, self.training))


def contrast(rows: Tensor, groups: Tensor, temperature: float = 0.1) -> Tensor:
    """Khosla's loss of unit rows [n, d] whose positives share a group [n]; every row has one."""
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    likely = (rows @ rows.T / temperature).masked_fill(itself, -1e4).log_softmax(1)
    same = (groups[:, None] == groups[None]) & ~itself
    return -((likely * same).sum(1) / same.sum(1).clamp(min=1)).mean()


class Run:
    """The state of one training."""

    def __init__(self, photos: Photos, recipe: Recipe, device: str) -> None:
        torch.manual_seed(recipe.seed)
        self.photos, self.recipe, self.device = photos, recipe, device
        self.rng = np.random.default_rng(recipe.seed)
        self.net = Convolution().to(device).to(memory_format=torch.channels_last)
        self.heads = Heads(self.net.width).to(device)
        if not recipe.colour:
            nn.init.zeros_(self.net.colour.weight).requires_grad_(False)
        self.learnt = [p for module in (self.net, self.heads) for p in module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.learnt, lr=recipe.rate, weight_decay=0.05)
        self.step, self.progress = 0, 0.0
        self.log: list[dict[str, float | str]] = []

    def state(self) -> dict[str, object]:
        return {
            "recipe": asdict(self.recipe),
            "net": self.net.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "progress": self.progress,
            "log": self.log,
            "rng": self.rng.bit_generator.state,
        }

    def resume(self, path: Path) -> None:
        """Goes on from a checkpoint of the same recipe, if there is one."""
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=False)
        if state["recipe"] != asdict(self.recipe):
            return
        self.net.load_state_dict(state["net"])
        self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.progress, self.log = state["step"], state["progress"], state["log"]
        self.rng.bit_generator.state = state["rng"]

    def save(self, path: Path, weights: Path | None = None) -> None:
        """The whole state to `path`, the net alone (float32 safetensors) to `weights`."""
        part = path.with_suffix(".part")
        torch.save(self.state(), part)
        part.rename(path)
        if weights is not None:
            part = weights.with_suffix(".part")
            save_file({name: value.cpu().contiguous() for name, value in self.net.state_dict().items()}, str(part))
            part.rename(weights)

    def _losses(self) -> dict[str, Tensor]:
        recipe = self.recipe
        usable = self.photos.usable(recipe.hold)
        designs = self.rng.choice(usable, min(recipe.designs, len(usable)), replace=False)
        pixels = self.photos.batch(self.photos.rows(designs, recipe.views, self.rng))
        pixels = augment(pixels, recipe.side, recipe.strength).to(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu"):
            features = self.net(see(pixels))
        look, logits = self.heads(features.float())
        group = torch.arange(len(designs), device=self.device).repeat_interleave(recipe.views)
        labels = torch.from_numpy(self.photos.classes[designs]).to(self.device).repeat_interleave(recipe.views)
        on_design = contrast(look, group)
        on_structure = F.cross_entropy(logits, labels, label_smoothing=0.1)
        total = recipe.design * on_design + recipe.structure * on_structure
        return {"loss": total, "design": on_design, "structure": on_structure}

    def train(self, checkpoint: Path, weights: Path | None = None, *, seconds: float = 0.0, steps: int = 0) -> None:
        """Until `steps` are done or, without them, until `seconds` are over; the rate falls to nought by then."""
        start = saved = time.monotonic()
        before = self.progress
        self.net.train()
        self.heads.train()
        while self.progress < 1:
            passed = (time.monotonic() - start) / seconds if not steps else 0.0
            self.progress = self.step / steps if steps else before + (1 - before) * passed
            rate = self.recipe.rate * min(1.0, self.progress * 15 + 0.02) * 0.5 * (1 + np.cos(np.pi * self.progress))
            for group in self.optimizer.param_groups:
                group["lr"] = max(float(rate), 0.0)
            losses = self._losses()
            self.optimizer.zero_grad(set_to_none=True)
            losses["loss"].backward()
            nn.utils.clip_grad_norm_(self.learnt, 2.0)
            self.optimizer.step()
            self.step += 1
            if self.step % LOG_EVERY == 0 or self.progress >= 1:
                self.photos.take(80)
                found = {key: round(float(value.detach()), 4) for key, value in losses.items()}
                self.log.append(
                    {"recipe": self.recipe.name, "step": self.step, **found, "designs": self.photos.designs}
                )
                print(json.dumps(self.log[-1]), flush=True)
            if time.monotonic() - saved > SAVE_EVERY:
                self.save(checkpoint, weights)
                saved = time.monotonic()
        self.save(checkpoint, weights)
        self.net.eval()
