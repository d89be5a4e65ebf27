"""The embedded model's image tower as a timm model, which is how open_clip's configs name towers of other makers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from timm.models import is_model, register_model
from torch import Tensor, nn

from shared.encoder.architectures.convolution import Convolution
from shared.encoder.architectures.planes import see
from shared.encoder.architectures.texture import MEAN, STD, Statistics

#: Widths of the parts of an embedding, in their order.
TEXTURE, COLOUR, LOOK, STRUCTURE = 128, 32, 128, 96
WIDTH = TEXTURE + COLOUR + LOOK + STRUCTURE
#: Width of the structure net's hidden layer.
HIDDEN = 256


class FabricTower(nn.Module):
    """CLIP-normalised pixels [n, 3, h, w] → [n, WIDTH].

    Four projections of one row of features (fixed statistics, then what the convolution reads). Three are linear
    discriminants of rendered cloths, which keep what stays from view to view of one design: of texture, of colour, and
    of the convolution's look. The fourth is a small net learnt on structures and captions. Each part is scaled to its
    share of the whole, so that a cosine between two photos is a fixed mixture of the parts' cosines.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_classes: int = WIDTH) -> None:
        super().__init__()
        if num_classes != WIDTH:
            raise ValueError(f"this tower gives {WIDTH} columns, not {num_classes}")
        self.num_features = num_classes
        self.statistics = Statistics()
        self.convolution = Convolution()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        colours = self.statistics.colours
        #: Columns of texture, colour and look in a row of features.
        self.columns = (self.statistics.width - colours, colours, self.convolution.width)
        self.texture = nn.Linear(self.columns[0], TEXTURE)
        self.colour = nn.Linear(self.columns[1], COLOUR)
        self.look = nn.Linear(self.columns[2], LOOK)
        self.centre = nn.Parameter(torch.zeros(sum(self.columns)), requires_grad=False)
        self.scale = nn.Parameter(torch.ones(sum(self.columns)), requires_grad=False)
        self.structure = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(sum(self.columns), HIDDEN),
            nn.LayerNorm(HIDDEN),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(HIDDEN, STRUCTURE),
        )
        #: Shares of the squared length of an embedding.
        self.shares = nn.Parameter(torch.full((4,), 0.25), requires_grad=False)

    def features(self, rgb: Tensor) -> Tensor:
        """RGB 0…1 [n, 3, h, w] → [n, sum(columns)]."""
        planes = see(rgb)
        return torch.cat([self.statistics(planes), self.convolution(planes)], 1)

    def parts(self, features: Tensor) -> list[Tensor]:
        """Rows of features → the four parts of an embedding, each L2-normalised."""
        texture, colour, look = features.split(self.columns, 1)
        found = (
            self.texture(texture),
            self.colour(colour),
            self.look(look),
            self.structure((features - self.centre) * self.scale),
        )
        return [F.normalize(part, dim=-1) for part in found]

    def embed(self, features: Tensor) -> Tensor:
        """Rows of features → embeddings [n, WIDTH], L2-normalised."""
        weights = self.shares.sqrt()
        return torch.cat([part * weights[k] for k, part in enumerate(self.parts(features))], 1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.embed(self.features(pixels * self.std + self.mean))


def register() -> None:
    """Teaches timm, and so open_clip, the name `weft_fabric_tower`. Harmless when called again."""
    if is_model("weft_fabric_tower"):
        return

    def weft_fabric_tower(pretrained: bool = False, num_classes: int = WIDTH, **_unused: Any) -> FabricTower:
        return FabricTower(num_classes)

    register_model(weft_fabric_tower)
