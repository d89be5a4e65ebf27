"""What both halves of the embedded model's tower look at: a photo as planes of grey and of opponent colours.

A plane is [n, h, w], without an axis of one channel: OpenVINO would lay that out as sixteen, and work on all of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

#: Lightness (of the eye), and mean, red-green and yellow-blue of RGB.
GREY = (0.299, 0.587, 0.114)
AXES = ((1 / 3, 1 / 3, 1 / 3), (1.0, -1.0, 0.0), (0.5, 0.5, -1.0))


class Planes(NamedTuple):
    """One batch of photos, seen at full, half and quarter size."""

    #: Contrast-normalised grey at the three sizes.
    normal: tuple[Tensor, Tensor, Tensor]
    #: `AXES` at half and at quarter size.
    half: tuple[Tensor, ...]
    quarter: tuple[Tensor, ...]


def _mixed(rgb: Tensor, rows: tuple[tuple[float, ...], ...], size: int) -> tuple[Tensor, ...]:
    """Weighted sums of the colours, averaged over cells of size × size: [n, 3, h, w] → a plane a row."""
    weights = torch.tensor(rows, dtype=rgb.dtype, device=rgb.device)[:, :, None, None]
    return F.conv2d(rgb, weights.expand(-1, -1, size, size) / size**2, stride=size).unbind(1)


def see(rgb: Tensor) -> Planes:
    """RGB 0…1 [n, 3, h, w] → what the statistics and the convolution read."""
    (grey,) = _mixed(rgb, (GREY,), 1)
    half_grey, *half = _mixed(rgb, (GREY, *AXES), 2)
    quarter_grey, *quarter = _mixed(rgb, (GREY, *AXES), 4)
    first, second, third = (contrast_normalised(plane) for plane in (grey, half_grey, quarter_grey))
    return Planes((first, second, third), tuple(half), tuple(quarter))


@lru_cache(maxsize=32)
def _pooling(side: int, size: int, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Matrices of a local mean along one axis: to side // size blurred cells, times 3, and (bilinear) back to `side`.

    Blurred over three cells: times 3, all entries are exact in bfloat16, and a mean has no bias.
    """
    with torch.inference_mode(False), torch.no_grad():
        cells = side // size
        pool = F.interpolate(torch.eye(cells)[None], scale_factor=float(size), mode="nearest")[0] / size
        pool = F.pad(pool, (0, side - cells * size))
        pool = 3 * F.avg_pool1d(F.pad(pool.T[None], (1, 1), mode="replicate"), 3, 1)[0].T
        back = F.interpolate(torch.eye(cells)[None], size=side, mode="linear", align_corners=False)[0].T
        return pool.to(device, dtype), back.to(device, dtype)


def _smooth(plane: Tensor, size: int) -> Tensor:
    """Local mean over about 2 × size pixels, made at 1/size resolution."""
    (down_y, up_y), (down_x, up_x) = (_pooling(int(side), size, plane.device, plane.dtype) for side in plane.shape[-2:])
    return (up_y @ (down_y @ plane[:, None] @ down_x.T / 9) @ up_x.T)[:, 0]


def contrast_normalised(grey: Tensor, size: int = 8, floor: float = 0.02) -> Tensor:
    """(grey - local mean) / local deviation of planes [n, h, w]; `floor` keeps flat places flat."""
    centred = grey - _smooth(grey, size)
    # The mean of what is added is what is added; added after a product, NNCF would take it for a layer's bias.
    return centred / _smooth(centred * centred + floor * floor, size).sqrt()
