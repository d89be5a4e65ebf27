"""The embedded model's fixed half: texture and colour statistics that need no learning.

Local binary patterns (Ojala et al. 2002) with their magnitude half (CLBP, Guo et al. 2010), softened so that a vector
does not jump with the last bit of a pixel, counted at several scales of a contrast-normalised grey image; and
opponent-colour histograms. Everything is convolutions, softmaxes and matrix products, which any engine runs well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from shared.encoder.architectures.planes import Planes

#: CLIP's normalisation (open_clip's default), undone first: the statistics are defined on 0…1.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
#: (octave, radius, sampling step): where patterns are counted.
RINGS = ((0, 1, 3), (0, 3, 3), (1, 1, 2), (1, 3, 2), (2, 1, 1), (2, 3, 1))
#: Bins of each colour axis.
BINS = 12


def _ring(radius: int) -> Tensor:
    """Filters that give eight neighbours on a circle minus the centre: [8, 1, k, k]."""
    diagonal = max(1, round(radius * math.sqrt(0.5)))
    half = ((0, radius), (diagonal, diagonal), (radius, 0), (diagonal, -diagonal))
    filters = torch.zeros(8, 1, 2 * radius + 1, 2 * radius + 1)
    for k, (dy, dx) in enumerate((*half, *((-dy, -dx) for dy, dx in half))):
        filters[k, 0, radius + dy, radius + dx] += 1
        filters[k, 0, radius, radius] -= 1
    return filters


def _words() -> Tensor:
    """Signs of the four bits of the sixteen words, for either half of eight bits: [32, 8]."""
    bits = (torch.arange(16)[:, None] >> torch.arange(4)) & 1
    signs = 2.0 * bits - 1
    return torch.block_diag(signs, signs)


def count(first: Tensor, second: Tensor) -> Tensor:
    """Frequencies of the 256 words of eight soft bits. Either half's scores [n, 16, places] (see `_words`) → [n, 256].

    A product of four sigmoids or their complements is a softmax over the words' signed sums; the joint histogram of two
    halves is a matrix product.
    """
    return torch.matmul(first.softmax(1), second.softmax(1).transpose(1, 2)).flatten(1) / first.shape[-1]


def _soft_bins(value: Tensor, low: float, high: float, bins: int) -> Tensor:
    """Linear (triangular) bin membership [n, h, w] → [n, bins, h·w]."""
    centres = torch.linspace(low, high, bins, device=value.device, dtype=value.dtype).view(1, bins, 1)
    width = (high - low) / (bins - 1)
    return (1 - (value.clamp(low, high).flatten(1)[:, None] - centres).abs() / width).clamp(min=0)


def colour_histograms(axes_of: tuple[Tensor, ...], bins: int = BINS) -> Tensor:
    """Joint histograms of the three pairs of planes (mean, red-green, yellow-blue), see `AXES`: [n, 3 · bins²]."""
    light, first, second = axes_of
    axes = (
        _soft_bins((light.clamp(min=0) + 1e-4).sqrt(), 0.0, 1.0, bins),
        _soft_bins(first / (first.abs() + 0.02).sqrt(), -0.8, 0.8, bins),
        _soft_bins(second / (second.abs() + 0.02).sqrt(), -0.8, 0.8, bins),
    )
    pairs = [torch.matmul(axes[i], axes[j].transpose(1, 2)).flatten(1) for i, j in ((0, 1), (0, 2), (1, 2))]
    return torch.cat(pairs, 1) / axes[0].shape[-1]


class Statistics(nn.Module):
    """Planes of n photos → square roots of all histograms [n, d] (Hellinger's map: distances fit sparse counts)."""

    words: Tensor

    def __init__(self, softness: float = 0.15) -> None:
        super().__init__()
        words = _words() / (2 * softness)
        self.register_buffer("words", words[:, :, None, None], persistent=False)
        for radius in {radius for _, radius, _ in RINGS}:
            ring = _ring(radius)
            self.register_buffer(f"ring{radius}", ring, persistent=False)
            self.register_buffer(f"signs{radius}", torch.einsum("wb,bcyx->wcyx", words, ring), persistent=False)

    @property
    def colours(self) -> int:
        """How many of the columns, the last ones, are colour's."""
        return 3 * BINS * BINS

    @property
    def width(self) -> int:
        return len(RINGS) * 512 + self.colours

    def forward(self, planes: Planes) -> Tensor:
        parts: list[Tensor] = []
        for octave, radius, step in RINGS:
            grey = planes.normal[octave][:, None]
            ring, signs = getattr(self, f"ring{radius}"), getattr(self, f"signs{radius}")
            parts.append(count(*(F.conv2d(grey, half, stride=step).flatten(2) for half in signs.split(16))))
            size = F.conv2d(grey, ring, stride=step).abs()
            mean = size.mean((1, 2, 3))[:, None, None]
            # A size's bit is whether it exceeds the mean, which the words' scores give as well: sizes are read once.
            halves = [(F.conv2d(size, half).flatten(2), half.sum(1).flatten(1)) for half in self.words.split(16)]
            parts.append(count(*(scores - mean * signs for scores, signs in halves)))
        parts.append(colour_histograms(planes.quarter))
        return (torch.cat(parts, 1) + 1e-7).sqrt()
