"""The tower's learnt half: a small residual net on contrast-normalised grey and opponent colours, read at every stage.

A cloth is the same wherever it is looked at, so places are averaged away: means and deviations of every stage's
channels, and second-order statistics (Gatys et al. 2015; Lin et al. 2015) of two of them. The picture is seen at full
and at half size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from shared.encoder.architectures.planes import Planes

#: Channels of the stages, at 1/4, 1/8, 1/16 and 1/32 of the picture's side; of the stem, at 1/2.
STEM, STAGES = 16, (32, 64, 128, 256)
#: Stage → channels that it is squeezed to before the products of all pairs are averaged.
PAIRS = {1: 24, 2: 32}


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Stage(nn.Module):
    """Halves the picture, then refines it by one residual block (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.halve = _convolution(inputs, outputs, 2)
        self.first = _convolution(outputs, outputs)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = self.halve(x)
        return F.relu(x + self.second(self.first(x)))


def opponents(axes: tuple[Tensor, ...]) -> Tensor:
    """Planes of `AXES` → red-green and yellow-blue against the lightness, compressed: [n, 2, h, w], about -1…1."""
    light = axes[0].clamp(min=0) + 0.05
    pair = [plane / light for plane in axes[1:]]
    return torch.stack([plane / (plane.abs() + 0.3) for plane in pair], 1)


class Convolution(nn.Module):
    """Planes of n photos → statistics of the net's maps [n, width]."""

    def __init__(self) -> None:
        super().__init__()
        self.grey = nn.Conv2d(1, STEM, 3, 2, 1, bias=False)
        self.colour = nn.Conv2d(2, STEM, 3, 1, 1, bias=False)
        self.stem = nn.BatchNorm2d(STEM)
        self.stages = nn.ModuleList(_Stage(a, b) for a, b in zip((STEM, *STAGES), STAGES, strict=False))
        self.squeeze = nn.ModuleDict({str(k): nn.Conv2d(STAGES[k], width, 1) for k, width in PAIRS.items()})

    @property
    def width(self) -> int:
        return 2 * (2 * sum(STAGES) + sum(n * n for n in PAIRS.values()))

    def _read(self, normal: Tensor, tint: Tensor) -> Tensor:
        """One size: grey [n, h, w] and the opponents [n, 2, h/2, w/2] → half of the columns."""
        maps = F.relu(self.stem(self.grey(normal[:, None]) + self.colour(tint)))
        parts: list[Tensor] = []
        for k, stage in enumerate(self.stages):
            maps = stage(maps)
            mean = maps.mean((2, 3), keepdim=True)
            away = maps - mean
            parts += [mean.flatten(1), ((away * away).mean((2, 3)) + 1e-3).sqrt()]
            if k in PAIRS:
                flat = self.squeeze[str(k)](maps).flatten(2)
                product = torch.matmul(flat, flat.transpose(1, 2)).flatten(1) / flat.shape[-1]
                parts.append(product / (product.abs() + 1e-2).sqrt())
        return torch.cat(parts, 1)

    def forward(self, planes: Planes) -> Tensor:
        tint = opponents(planes.half)
        sizes = ((planes.normal[0], tint), (planes.normal[1], F.avg_pool2d(tint, 2)))
        return torch.cat([self._read(normal, tint) for normal, tint in sizes], 1)
