"""The embedded model's image tower: texture and colour statistics with fixed filters, then a learnt projection.

Local binary patterns (Ojala et al. 2002) with their magnitude half (CLBP, Guo et al. 2010), softened so that a vector does
not jump with the last bit of a pixel, counted at several scales of a contrast-normalised grey image; and opponent-colour
histograms. A joint histogram of 8 soft bits is the product of two 16-way soft codes, so counting is a matrix product and
the whole tower is convolutions, sigmoids and products: any engine runs it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: CLIP's normalisation (open_clip's default), undone first: the statistics are defined on 0…1.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
#: (octave, radius, sampling step): where patterns are counted.
RINGS = ((0, 1, 2), (0, 3, 2), (1, 1, 1), (1, 3, 1), (2, 1, 1), (2, 3, 1))
#: Bins of each colour axis.
BINS = 12


def _smooth(x: Tensor, size: int) -> Tensor:
    """Local mean over about 2 × size pixels, made at 1/size resolution."""
    small = F.avg_pool2d(x, size)
    small = F.avg_pool2d(F.pad(small, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)


def contrast_normalised(grey: Tensor, size: int = 8, floor: float = 0.02) -> Tensor:
    """(grey - local mean) / local deviation, [n, 1, h, w]; `floor` keeps flat places flat."""
    centred = grey - _smooth(grey, size)
    return centred / (_smooth(centred * centred, size) + floor * floor).sqrt()


def _sixteen(bits: Tensor) -> Tensor:
    """Four soft bits [n, 4, p] → soft one-hot of their 16 words [n, 16, p]."""
    code = torch.stack([1 - bits[:, 0], bits[:, 0]], 1)
    for k in (1, 2, 3):
        one = bits[:, k : k + 1]
        code = torch.cat([code * (1 - one), code * one], 1)
    return code


def count(bits: Tensor) -> Tensor:
    """Frequencies of the 256 words of eight soft bits [n, 8, h, w] → [n, 256]."""
    flat = bits.flatten(2)
    words = torch.matmul(_sixteen(flat[:, :4]), _sixteen(flat[:, 4:]).transpose(1, 2))
    return words.flatten(1) / flat.shape[-1]


def ring(image: Tensor, radius: int, step: int) -> Tensor:
    """Differences of eight neighbours on a circle to the centre, [n, 8, h', w']."""
    h, w = image.shape[-2:]
    diagonal = max(1, round(radius * math.sqrt(0.5)))
    offsets = ((0, radius), (diagonal, diagonal), (radius, 0), (diagonal, -diagonal))
    offsets += tuple((-dy, -dx) for dy, dx in offsets)
    centre = image[:, :, radius : h - radius : step, radius : w - radius : step]
    around = [
        image[:, :, radius + dy : h - radius + dy : step, radius + dx : w - radius + dx : step] for dy, dx in offsets
    ]
    return torch.cat(around, 1) - centre


def _soft_bins(value: Tensor, low: float, high: float, bins: int) -> Tensor:
    """Linear (triangular) bin membership [n, h, w] → [n, bins, h·w]."""
    centres = torch.linspace(low, high, bins).view(1, bins, 1)
    width = (high - low) / (bins - 1)
    return (1 - (value.clamp(low, high).flatten(1)[:, None] - centres).abs() / width).clamp(min=0)


def colour_histograms(rgb: Tensor, bins: int = BINS) -> Tensor:
    """Joint histograms of the three pairs of (lightness, red-green, yellow-blue): [n, 3 · bins²]."""
    small = F.avg_pool2d(rgb, 2)
    red, green, blue = small[:, 0], small[:, 1], small[:, 2]
    light = (red + green + blue) / 3
    first, second = red - green, 0.5 * (red + green) - blue
    axes = (
        _soft_bins((light + 1e-4).sqrt(), 0.0, 1.0, bins),
        _soft_bins(first / (first.abs() + 0.02).sqrt(), -0.8, 0.8, bins),
        _soft_bins(second / (second.abs() + 0.02).sqrt(), -0.8, 0.8, bins),
    )
    pairs = [torch.matmul(axes[i], axes[j].transpose(1, 2)).flatten(1) for i, j in ((0, 1), (0, 2), (1, 2))]
    return torch.cat(pairs, 1) / axes[0].shape[-1]


class Statistics(nn.Module):
    """RGB 0…1 [n, 3, h, w] → square roots of all histograms [n, d] (Hellinger's map: distances fit sparse counts)."""

    def __init__(self, softness: float = 0.15) -> None:
        super().__init__()
        self.softness = softness

    @property
    def colours(self) -> int:
        """How many of the columns, the last ones, are colour's."""
        return 3 * BINS * BINS

    @property
    def width(self) -> int:
        return len(RINGS) * 512 + self.colours

    def forward(self, rgb: Tensor) -> Tensor:
        grey = 0.299 * rgb[:, 0:1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:3]
        octaves = [grey, F.avg_pool2d(grey, 2), F.avg_pool2d(grey, 4)]
        normal = [contrast_normalised(octave) for octave in octaves]
        parts: list[Tensor] = []
        for octave, radius, step in RINGS:
            difference = ring(normal[octave], radius, step)
            parts.append(count(torch.sigmoid(difference / self.softness)))
            size = difference.abs()
            middle = size.mean((1, 2, 3), keepdim=True)
            parts.append(count(torch.sigmoid((size - middle) / self.softness)))
        parts.append(colour_histograms(rgb))
        return (torch.cat(parts, 1) + 1e-7).sqrt()
