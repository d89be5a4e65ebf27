"""Simple measures of a photo that tell a poor sample: size, sharpness, brightness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from shared.bank.measures import Measures
from shared.photos import picture_measures

#: Pixels of the shorter side at which everything is measured, so that photos of any size compare; smaller ones as they
#: are.
_SIDE = 256


def measure(rgb: npt.NDArray[np.uint8]) -> Measures:
    """Of decoded pixels, uint8 [h, w, 3]."""
    image = Image.fromarray(np.ascontiguousarray(rgb)).convert("L")
    if (share := _SIDE / min(image.size)) < 1:
        # Lanczos keeps the finest differences: with it a photo of any size has the sharpness that it has at this one.
        wide, high = (max(_SIDE, round(side * share)) for side in image.size)
        image = image.resize((wide, high), Image.Resampling.LANCZOS)
    grey = np.asarray(image, np.float32)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return Measures(
        side=int(min(rgb.shape[:2])),
        sharpness=round(float(laplacian.var()) if laplacian.size else 0.0, 2),
        brightness=round(float(grey.mean()), 1),
        clipped=round(float((grey >= 250).mean()), 4),
        picture=picture_measures.measure(rgb),
    )
