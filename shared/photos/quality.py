"""Simple measures of a photo that tell a poor sample: size, sharpness, brightness."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Pixels of the shorter side at which sharpness is measured, so that photos of any size compare.
_SIDE = 256


def measure(rgb: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """`{"side", "sharpness", "brightness", "clipped"}` of decoded pixels, uint8 [h, w, 3].

    side: pixels of the shorter side, as decoded. sharpness: variance of the Laplacian of the grey picture
    (Pech-Pacheco et al., ICPR 2000), grey 0…255. brightness: mean grey. clipped: share of pixels at 250 or more.
    """
    step = max(1, min(rgb.shape[:2]) // _SIDE)
    height, width = (side // step * step for side in rgb.shape[:2])
    grey = rgb[:height, :width].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    grey = grey.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return {
        "side": int(min(rgb.shape[:2])),
        "sharpness": round(float(laplacian.var()) if laplacian.size else 0.0, 2),
        "brightness": round(float(grey.mean()), 1),
        "clipped": round(float((grey >= 250).mean()), 4),
    }
