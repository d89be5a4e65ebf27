"""The embedded model's fixed half: texture and colour statistics that need no learning.

Local binary patterns (Ojala et al. 2002) with their magnitude half (CLBP, Guo et al. 2010), softened so that a vector
does not jump with the last bit of a pixel, counted at several scales of a contrast-normalised grey image; and
opponent-colour histograms. Everything is convolutions, softmaxes and matrix products, which any engine runs well.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: CLIP's normalisation (open_clip's default), undone first: the statistics are defined on 0…1.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
#: (octave, radius, sampling step): where patterns are counted.
RINGS = ((0, 1, 3), (0, 3, 3), (1, 1, 2), (1, 3, 2), (2, 1, 1), (2, 3, 1))
#: Bins of each colour axis.
BINS = 12
#: Lightness (of the eye), red-green and yellow-blue from RGB.
GREY = (0.299, 0.587, 0.114)
AXES = ((1 / 3, 1 / 3, 1 / 3), (1.0, -1.0, 0.0), (0.5, 0.5, -1.0))


def mixed(rgb: Tensor, rows: tuple[tuple[float, ...], ...]) -> Tensor:
    """Weighted sums of the colours: [n, 3, h, w] → [n, len(rows), h, w]."""
    return F.conv2d(rgb, torch.tensor(rows, dtype=rgb.dtype, device=rgb.device)[:, :, None, None])


@lru_cache(maxsize=32)
def _pooling(side: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Matrices of a local mean along one axis: to side // size blurred cells, and (bilinear) back to `side`."""
    with torch.inference_mode(False), torch.no_grad():
        cells = side // size
        pool = F.interpolate(torch.eye(cells)[None], scale_factor=float(size), mode="nearest")[0] / size
        pool = F.pad(pool, (0, side - cells * size))
        pool = F.avg_pool1d(F.pad(pool.T[None], (1, 1), mode="replicate"), 3, 1)[0].T
        back = F.interpolate(torch.eye(cells)[None], size=side, mode="linear", align_corners=False)[0].T
        return pool.to(device), back.to(device)


def _smooth(x: Tensor, size: int) -> Tensor:
    """Local mean over about 2 × size pixels, made at 1/size resolution."""
    h, w = int(x.shape[-2]), int(x.shape[-1])
    (down_y, up_y), (down_x, up_x) = (
        (down.to(x.dtype), up.to(x.dtype)) for down, up in (_pooling(side, size, x.device) for side in (h, w))
    )
    return up_y @ (down_y @ x @ down_x.T) @ up_x.T


def contrast_normalised(grey: Tensor, size: int = 8, floor: float = 0.02) -> Tensor:
    """(grey - local mean) / local deviation, [n, 1, h, w]; `floor` keeps flat places flat."""
    centred = grey - _smooth(grey, size)
    # The mean of what is added is what is added; added after a product, NNCF would take it for a layer's bias.
    return centred / _smooth(centred * centred + floor * floor, size).sqrt()


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


def count(scores: Tensor) -> Tensor:
    """Frequencies of the 256 words of eight soft bits. scores [n, 32, h, w] (see `_words`) → [n, 256].

    A product of four sigmoids or their complements is a softmax over the words' signed sums; the joint histogram of two
    halves is a matrix product.
    """
    halves = scores.flatten(2).unflatten(1, (2, 16)).softmax(2)
    return torch.matmul(halves[:, 0], halves[:, 1].transpose(1, 2)).flatten(1) / halves.shape[-1]


def _soft_bins(value: Tensor, low: float, high: float, bins: int) -> Tensor:
    """Linear (triangular) bin membership [n, h, w] → [n, bins, h·w]."""
    centres = torch.linspace(low, high, bins, device=value.device, dtype=value.dtype).view(1, bins, 1)
    width = (high - low) / (bins - 1)
    return (1 - (value.clamp(low, high).flatten(1)[:, None] - centres).abs() / width).clamp(min=0)


def colour_histograms(rgb: Tensor, bins: int = BINS) -> Tensor:
    """Joint histograms of the three pairs of (lightness, red-green, yellow-blue): [n, 3 · bins²]."""
    light, first, second = mixed(F.avg_pool2d(rgb, 4), AXES).unbind(1)
    axes = (
        _soft_bins((light.clamp(min=0) + 1e-4).sqrt(), 0.0, 1.0, bins),
        _soft_bins(first / (first.abs() + 0.02).sqrt(), -0.8, 0.8, bins),
        _soft_bins(second / (second.abs() + 0.02).sqrt(), -0.8, 0.8, bins),
    )
    pairs = [torch.matmul(axes[i], axes[j].transpose(1, 2)).flatten(1) for i, j in ((0, 1), (0, 2), (1, 2))]
    return torch.cat(pairs, 1) / axes[0].shape[-1]


class Statistics(nn.Module):
    """RGB 0…1 [n, 3, h, w] → square roots of all histograms [n, d] (Hellinger's map: distances fit sparse counts)."""

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

    def forward(self, rgb: Tensor) -> Tensor:
        grey = mixed(rgb, (GREY,))
        normal = [contrast_normalised(octave) for octave in (grey, F.avg_pool2d(grey, 2), F.avg_pool2d(grey, 4))]
        parts: list[Tensor] = []
        for octave, radius, step in RINGS:
            parts.append(count(F.conv2d(normal[octave], getattr(self, f"signs{radius}"), stride=step)))
            size = F.conv2d(normal[octave], getattr(self, f"ring{radius}"), stride=step).abs()
            parts.append(count(F.conv2d(size - size.mean((1, 2, 3), keepdim=True), self.words)))
        parts.append(colour_histograms(rgb))
        return (torch.cat(parts, 1) + 1e-7).sqrt()
