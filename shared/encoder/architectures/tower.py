"""The embedded model's image tower as a timm model, which is how open_clip's configs name towers of other makers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from timm.models import is_model, register_model
from torch import Tensor, nn

from shared.encoder.architectures.texture import MEAN, STD, Statistics

#: Widths of the three parts of an embedding: texture within designs, colour within designs, structure.
TEXTURE, COLOUR, STRUCTURE = 128, 32, 160
#: Width of the structure net's hidden layer.
HIDDEN = 512


class FabricTower(nn.Module):
    """CLIP-normalised pixels [n, 3, h, w] → [n, TEXTURE + COLOUR + STRUCTURE].

    Three projections of one row of statistics: two linear ones learnt as discriminants of rendered cloths (what stays the
    same from view to view of one design), and a small net learnt on structures and captions. Each part is scaled to its
    share of the whole, so that a cosine between two photos is a fixed mixture of the parts' cosines.
    """

    def __init__(self, num_classes: int = TEXTURE + COLOUR + STRUCTURE) -> None:
        super().__init__()
        if num_classes != TEXTURE + COLOUR + STRUCTURE:
            raise ValueError(f"this tower gives {TEXTURE + COLOUR + STRUCTURE} columns, not {num_classes}")
        self.num_features = num_classes
        self.statistics = Statistics()
        width, colours = self.statistics.width, self.statistics.colours
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.texture = nn.Linear(width - colours, TEXTURE)
        self.colour = nn.Linear(colours, COLOUR)
        self.centre = nn.Parameter(torch.zeros(width), requires_grad=False)
        self.scale = nn.Parameter(torch.ones(width), requires_grad=False)
        self.structure = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(width, HIDDEN),
            nn.LayerNorm(HIDDEN),
            nn.GELU(),
            nn.Dropout(0.4),
            nn.Linear(HIDDEN, STRUCTURE),
        )
        #: Shares of the squared length of an embedding.
        self.shares = nn.Parameter(torch.tensor([0.45, 0.1, 0.45]), requires_grad=False)

    def embed(self, statistics: Tensor) -> Tensor:
        """Rows of `Statistics` → embeddings, L2-normalised."""
        parts = (
            self.texture(statistics[:, : -self.statistics.colours]),
            self.colour(statistics[:, -self.statistics.colours :]),
            self.structure((statistics - self.centre) * self.scale),
        )
        weights = self.shares.sqrt()
        return torch.cat([F.normalize(part, dim=-1) * weights[k] for k, part in enumerate(parts)], 1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.embed(self.statistics(pixels * self.std + self.mean))


def register() -> None:
    """Teaches timm, and so open_clip, the name `weft_fabric_tower`. Harmless when called again."""
    if is_model("weft_fabric_tower"):
        return

    def weft_fabric_tower(pretrained: bool = False, num_classes: int = 320, **_unused: Any) -> FabricTower:
        return FabricTower(num_classes)

    register_model(weft_fabric_tower)
