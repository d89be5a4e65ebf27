"""Trains the tower's last part and the text tower on kept rows of features: photos and captions to one space.

CLIP's symmetric contrastive loss (Radford et al. 2021) with every caption of the same class as a positive, and a
cosine classifier of classes. Texts live in the structure part alone: their other columns are nought, so that the order
of class names does not depend on the parts' shares.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from scripts.lab.train.captions import names
from scripts.render import CLASSES
from shared.encoder.architectures.tower import STRUCTURE, FabricTower

#: Prompts averaged for a class name, a language at a time.
PROMPTS = {"en": ("{} fabric", "a photo of {} fabric.", "{}"), "zh": ("{}", "{}面料", "一张{}的照片")}
CAPTIONS, STRUCTURES = 1.0, 1.0
LOG_EVERY = 50


class Meaning:
    """One training of the structure net and the text tower of an open_clip `model` whose trunk is a FabricTower.

    rows float16 [n, d] with the class of each [n] and its place among the class's designs [n]; `captions` are of
    `scripts.lab.train.captions.tokens`. Designs beyond those are trained on without captions.
    """

    def __init__(
        self,
        model: Any,
        tokenize: Any,
        rows: Tensor,
        classes: NDArray[np.int64],
        places: NDArray[np.int64],
        captions: NDArray[np.int16],
        seed: int = 7,
    ) -> None:
        self.model, self.tokenize, self.rows, self.classes = model, tokenize, rows, classes
        self.places, self.captions = places, captions
        self.captioned = np.flatnonzero(places < captions.shape[1])
        self.device = rows.device
        self.tower: FabricTower = model.visual.trunk
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.prototypes = nn.Parameter(torch.randn(len(CLASSES), STRUCTURE, device=self.device) * 0.05)
        model.text_projection.data[:, :-STRUCTURE] = 0
        texts = [p for name, p in model.named_parameters() if not name.startswith("visual.")]
        self.learnt = [*self.tower.structure.parameters(), *texts, self.prototypes]
        self.optimizer = torch.optim.AdamW(self.learnt, lr=1e-3, weight_decay=0.05)
        self.log: list[dict[str, float | str]] = []

    def texts(self, tokens: Tensor) -> Tensor:
        """Unit text vectors in the structure part's space: [n, context length] → [n, STRUCTURE]."""
        return F.normalize(self.model.encode_text(tokens.to(self.device))[:, -STRUCTURE:], dim=1)

    def _losses(self, batch: int, captions: int) -> dict[str, Tensor]:
        told = self.rng.choice(self.captioned, captions)
        index = np.concatenate([told, self.rng.integers(0, len(self.rows), batch - captions)])
        rows = self.rows[torch.from_numpy(index).to(self.device)].float()
        rows = rows * (1 + 0.1 * torch.randn_like(rows))
        structure = F.normalize(self.tower.structure((rows - self.tower.centre) * self.tower.scale), dim=1)
        labels = torch.from_numpy(self.classes[index]).to(self.device)
        logits = 16 * structure @ F.normalize(self.prototypes, dim=1).T
        on_structure = F.cross_entropy(logits, labels, label_smoothing=0.1)
        which = self.rng.integers(0, self.captions.shape[2], captions)
        written = self.captions[self.classes[told], self.places[told], which]
        texts = self.texts(torch.from_numpy(written.astype(np.int64)))
        scores = self.model.logit_scale.exp().clamp(max=50) * structure[:captions] @ texts.T
        few = labels[:captions]
        alike = (few[:, None] == few[None]).float()
        alike = alike + torch.eye(len(few), device=self.device)  # its own caption also tells its colour
        target = alike / alike.sum(1, keepdim=True)
        on_caption = 0.5 * (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target))
        total = CAPTIONS * on_caption + STRUCTURES * on_structure
        return {"loss": total, "caption": on_caption, "class": on_structure}

    def train(self, *, seconds: float = 0.0, steps: int = 0, batch: int = 768, captions: int = 192) -> None:
        """Until `steps` are done or, without them, until `seconds` are over."""
        self.model.train()
        self.tower.convolution.eval()
        start, step, progress = time.monotonic(), 0, 0.0
        while progress < 1:
            progress = step / steps if steps else (time.monotonic() - start) / seconds
            rate = 1.5e-3 * min(1.0, progress * 15 + 0.02) * 0.5 * (1 + np.cos(np.pi * min(progress, 1.0)))
            for group in self.optimizer.param_groups:
                group["lr"] = float(rate)
            losses = self._losses(batch, captions)
            self.optimizer.zero_grad(set_to_none=True)
            losses["loss"].backward()
            self.model.text_projection.grad[:, :-STRUCTURE] = 0
            nn.utils.clip_grad_norm_(self.learnt, 1.0)
            self.optimizer.step()
            step += 1
            if step % LOG_EVERY == 0 or progress >= 1:
                found = {key: round(float(value.detach()), 4) for key, value in losses.items()}
                self.log.append({"recipe": "meaning", "step": step, **found})
                print(json.dumps(self.log[-1]), flush=True)
        self.model.text_projection.data[:, :-STRUCTURE] = 0
        self.model.eval()

    @torch.no_grad()
    def class_vectors(self) -> dict[str, NDArray[np.float32]]:
        """One text vector a class in the structure part's space, by its proper English and Chinese name."""
        self.model.eval()
        return {
            language: torch.stack(
                [self.texts(self.tokenize([p.format(names(c)[k][0]) for c in CLASSES])) for p in prompts]
            )
            .mean(0)
            .cpu()
            .numpy()
            for k, (language, prompts) in enumerate(PROMPTS.items())
        }
