"""CIELAB of sRGB, relative to D65, and how different two colours look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Linear sRGB → XYZ over that of white (IEC 61966-2-1).
_TO_XYZ = np.array([
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]) / np.array([[0.95047], [1.0], [1.08883]])  # fmt: skip
_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)
_TO_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])


def from_srgb(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """uint8 [..., 3] → L* 0…100, a*, b*: float64 [..., 3]."""
    ratio = _LINEAR[rgb] @ _TO_XYZ.T
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    lab: NDArray[np.float64] = root @ _TO_LAB.T - np.array([16.0, 0.0, 0.0])
    return lab


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """ΔE2000 (CIE 142-2001) of Lab colours [..., 3], broadcast; 1 is just visible."""
    l1, a1, b1 = np.moveaxis(first, -1, 0)
    l2, a2, b2 = np.moveaxis(second, -1, 0)
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean7 / (mean7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = (h2 - h1 + 180) % 360 - 180
    turn = np.where(c1 * c2 == 0, 0.0, np.where((turn == -180) & (h2 > h1), 180.0, turn))
    hue_step = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = np.where(c1 * c2 == 0, h1 + h2, h1 + turn / 2) % 360
    weight = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    in_lightness = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2))
    in_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    in_hue = hue_step / (1 + 0.015 * chroma * weight)
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    rotation = rotation * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    found: NDArray[np.float64] = np.sqrt(in_lightness**2 + in_chroma**2 + in_hue**2 + rotation * in_chroma * in_hue)
    return found
