"""Simple measures of a photo that tell a poor sample: size, sharpness, brightness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.bank.measures import Measures
from shared.photos import picture_measures

#: Pixels of the shorter side at which sharpness is measured, so that photos of any size compare.
_SIDE = 256


def measure(rgb: npt.NDArray[np.uint8]) -> Measures:
    """Of decoded pixels, uint8 [h, w, 3]."""
    step = max(1, min(rgb.shape[:2]) // _SIDE)
    height, width = (side // step * step for side in rgb.shape[:2])
    grey = rgb[:height, :width].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    grey = grey.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return Measures(
        side=int(min(rgb.shape[:2])),
        sharpness=round(float(laplacian.var()) if laplacian.size else 0.0, 2),
        brightness=round(float(grey.mean()), 1),
        clipped=round(float((grey >= 250).mean()), 4),
        picture=picture_measures.measure(rgb),
    )
