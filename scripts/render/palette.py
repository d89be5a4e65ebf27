"""Colourways of the trade and printed patterns. Colours are linear-light RGB rows, 0…1 (display value squared)."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from scripts.render.noise import SIDE, F, band, cells, nearest, sample

#: Name → (hue range, saturation range, value range); name zh. Neutral shades come first: half of what is woven.
SHADES: dict[str, tuple[str, tuple[float, float, float, float, float, float]]] = {
    "white": ("白色", (0.08, 0.16, 0.00, 0.05, 0.90, 0.98)),
    "ecru": ("本白", (0.09, 0.14, 0.08, 0.20, 0.80, 0.92)),
    "beige": ("米色", (0.07, 0.11, 0.20, 0.38, 0.62, 0.82)),
    "grey": ("灰色", (0.50, 0.66, 0.00, 0.10, 0.35, 0.70)),
    "black": ("黑色", (0.00, 1.00, 0.00, 0.15, 0.07, 0.18)),
    "navy": ("藏青色", (0.60, 0.66, 0.45, 0.80, 0.18, 0.36)),
    "brown": ("棕色", (0.04, 0.09, 0.40, 0.70, 0.25, 0.55)),
    "red": ("红色", (0.96, 1.02, 0.65, 0.92, 0.50, 0.85)),
    "orange": ("橙色", (0.04, 0.08, 0.65, 0.90, 0.75, 0.95)),
    "yellow": ("黄色", (0.11, 0.16, 0.50, 0.85, 0.80, 0.96)),
    "green": ("绿色", (0.25, 0.42, 0.30, 0.75, 0.25, 0.70)),
    "teal": ("蓝绿色", (0.46, 0.53, 0.40, 0.80, 0.30, 0.65)),
    "blue": ("蓝色", (0.55, 0.63, 0.35, 0.80, 0.45, 0.85)),
    "purple": ("紫色", (0.74, 0.83, 0.30, 0.65, 0.30, 0.65)),
    "pink": ("粉色", (0.90, 0.98, 0.20, 0.55, 0.75, 0.95)),
}
_NAMES = tuple(SHADES)
_WEIGHTS = np.array([3, 2.5, 2.5, 3, 2.5, 2.5, 2, 2, 1, 1.2, 1.8, 1.2, 2, 1.2, 1.6])
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def shade(rng: np.random.Generator, name: str) -> F:
    """One colour of that name: float32 [3]."""
    h0, h1, s0, s1, v0, v1 = SHADES[name][1]
    rgb = colorsys.hsv_to_rgb(
        rng.uniform(h0, h1) % 1.0, rng.uniform(s0, s1) * rng.uniform(0.65, 1.0), rng.uniform(v0, v1)
    )
    return np.asarray(rgb, np.float32) ** 2


@dataclass(slots=True)
class Palette:
    """The colours of one cloth; `names[0]` is the ground's."""

    names: tuple[str, ...]
    colours: F  # [n, 3]

    @property
    def ground(self) -> F:
        return self.colours[0]

    @property
    def second(self) -> F:
        return self.colours[1]

    @property
    def light(self) -> F:
        return self.colours[int(self.colours.sum(1).argmax())]


def draw(rng: np.random.Generator, grounds: tuple[str, ...] | None = None, count: int = 5) -> Palette:
    """A colourway of `count` different colours; `grounds` limits the first one."""
    names = list(rng.choice(_NAMES, count, replace=False, p=_WEIGHTS))
    if grounds is not None:
        first = str(rng.choice(grounds))
        names = [first, *[n for n in names if n != first][: count - 1]]
    return Palette(tuple(str(n) for n in names), np.stack([shade(rng, str(n)) for n in names]))


def tinted(colours: F, index: F) -> F:
    """Rows of `colours` [n, 3] at integer `index` [h, w] → [h, w, 3]."""
    return colours.take(index.astype(np.intp), axis=0)


PRINTS = ("floral", "dots", "stripes", "camouflage", "geometric", "animal")


def printed(kind: str, x: F, y: F, palette: Palette, variant: int, size: float) -> F:
    """A printed pattern at cloth coordinates; `size` is one motif in structural units. Returns albedo [h, w, 3]."""
    u, v = x / size, y / size
    texel = SIDE / 16.0
    if kind == "stripes":
        index = (np.floor(u * 2) % 2 + (np.floor(u * 4) % 4 == 0)) % 3
    elif kind == "dots":
        row = np.floor(v)
        du, dv = (u + 0.5 * (row % 2)) % 1.0 - 0.5, v % 1.0 - 0.5
        index = (du * du + dv * dv < 0.085).astype(np.float32)
    elif kind == "camouflage":
        index = np.digitize(sample(band(variant, 8, 30), u * texel, v * texel), (-0.6, 0.2, 0.9)).astype(np.float32)
    elif kind == "animal":
        gap = sample(cells(variant, 16)[1], u * texel, v * texel)
        index = (gap < 0.16).astype(np.float32)
    elif kind == "geometric":
        a, b = np.abs((u + v) % 1.0 - 0.5), np.abs((u - v) % 1.0 - 0.5)
        index = (a + b < 0.42).astype(np.float32) + (np.minimum(a, b) < 0.06)
    else:
        distance, _, value = cells(variant, 16)
        r, cell = sample(distance, u * texel, v * texel), nearest(value, u * texel, v * texel)
        petals = 0.26 + 0.10 * np.sin(14 * cell + 5 * np.arctan2(v % 1.0 - 0.5, u % 1.0 - 0.5)) + 0.1 * cell
        index = np.where(r < 0.10, 3, np.where(r < petals, 1 + (cell > 0.5), 0))
        leaf = sample(band(variant, 30, 60), u * texel, v * texel) > 1.5
        index = np.where((index == 0) & leaf, 4, index)
    return tinted(palette.colours, index)
