"""Defects of known size, made in good photos, and pictures that show no fabric: for `photo_gate.py` and tests."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Picture = NDArray[np.uint8]
Rng = np.random.Generator
#: Photo, another photo, chance → the photo with a defect. All uint8 RGB [h, w, 3].
Spoil = Callable[[Picture, Picture, Rng], Picture]
_WORDS = ("order", "fabric", "sample", "2026", "price", "metres", "number", "date", "of", "the", "and", "total")
_TABLES = ((200, 190, 170), (120, 90, 60), (235, 235, 235), (70, 70, 75), (150, 150, 150))


def _light(photo: Picture) -> NDArray[np.float64]:
    linear: NDArray[np.float64] = (photo / 255.0) ** 2.2
    return linear


def _photo(light: NDArray[np.float64]) -> Picture:
    return np.asarray(np.clip(light, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def finished(photo: Picture, rng: Rng) -> Picture:
    """With the noise and the compression that a camera adds to everything."""
    noisy = photo.astype(np.float32) + 1.5 * rng.standard_normal((*photo.shape[:2], 1), np.float32)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return np.asarray(Image.open(buffer).convert("RGB"))


def blurred(share: float) -> Spoil:
    """Out of focus: a Gaussian of that share of the shorter side."""

    def spoil(photo: Picture, _: Picture, rng: Rng) -> Picture:
        radius = share * min(photo.shape[:2])
        return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(radius)))

    return spoil


def shaken(share: float) -> Spoil:
    """Moved by that share of the shorter side."""

    def spoil(photo: Picture, _: Picture, rng: Rng) -> Picture:
        length, angle = max(3, round(share * min(photo.shape[:2]))), rng.uniform(0, np.pi)
        steps = np.linspace(-0.5, 0.5, 2 * length) * length
        moved = [np.roll(photo, (round(np.sin(angle) * s), round(np.cos(angle) * s)), (0, 1)) for s in steps]
        return np.asarray(np.mean(moved, axis=0, dtype=np.float32)).astype(np.uint8)

    return spoil


def exposed(stops: float) -> Spoil:
    return lambda photo, _, rng: _photo(_light(photo) * 2.0**stops)


def glared(reach: float) -> Spoil:
    """A lamp's reflection of that share of the shorter side."""

    def spoil(photo: Picture, _: Picture, rng: Rng) -> Picture:
        height, width = photo.shape[:2]
        rows, columns = np.mgrid[:height, :width]
        row, column = rng.uniform(0.3, 0.7, 2)
        away = np.hypot((rows - row * height) * rng.uniform(0.7, 1.4), columns - column * width)
        shine = np.clip(1.6 - away / (reach * min(height, width)), 0, 1)[..., None]
        return _photo(_light(photo) + 1.3 * shine)

    return spoil


def _resized(photo: Picture, width: int, height: int, how: Image.Resampling) -> Picture:
    return np.asarray(Image.fromarray(photo).resize((width, height), how))


def two_cloths(photo: Picture, other: Picture, rng: Rng) -> Picture:
    height, width = photo.shape[:2]
    found, place = photo.copy(), rng.uniform(0.35, 0.65)
    beside = _resized(other, width, height, Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        found[:, int(place * width) :] = beside[:, int(place * width) :]
    else:
        found[int(place * height) :] = beside[int(place * height) :]
    return found


def on_a_table(photo: Picture, _: Picture, rng: Rng) -> Picture:
    """From far away: the cloth takes 35 to 50 % of the width."""
    height, width = photo.shape[:2]
    share = rng.uniform(0.35, 0.5)
    small = _resized(photo, int(width * share), int(height * share), Image.Resampling.BOX)
    slope = 1 + 0.15 * (np.linspace(-0.5, 0.5, width))[None, :, None]
    table = np.array(_TABLES[rng.integers(len(_TABLES))]) * slope + rng.normal(0, 3, (height, width, 1))
    found = np.clip(table, 0, 255).astype(np.uint8)
    top, left = ((1 - share) / 2 + rng.uniform(-0.08, 0.08, 2)) * (height, width)
    found[int(top) : int(top) + small.shape[0], int(left) : int(left) + small.shape[1]] = small
    return found


def moire(photo: Picture, _: Picture, rng: Rng) -> Picture:
    """Every third pixel or so alone, so that fine structure folds over into coarse."""
    height, width = photo.shape[:2]
    share = rng.uniform(0.28, 0.45)
    few = _resized(photo, int(width * share), int(height * share), Image.Resampling.NEAREST)
    return _resized(few, width, height, Image.Resampling.BICUBIC)


def page(side: int, rng: Rng) -> Picture:
    paper = tuple(int(v) for v in rng.integers(228, 256, 3))
    image, size = Image.new("RGB", (side, side), paper), int(rng.integers(9, 22))
    font = ImageFont.load_default(size=size)
    pen, at, left = ImageDraw.Draw(image), int(rng.uniform(0, 20)), int(rng.uniform(3, 30))
    while at < side:
        if rng.random() < 0.85:
            pen.text((left, at), " ".join(rng.choice(_WORDS, 14)), fill=(20, 20, 25), font=font)
        at += int(size * 1.35)
    return np.asarray(image)


def window(side: int, rng: Rng) -> Picture:
    image = Image.new("RGB", (side, side), (245, 246, 248))
    pen = ImageDraw.Draw(image)
    for _ in range(14):
        left, top = (int(v) for v in rng.integers(0, side, 2))
        wide, high = (int(v) for v in rng.integers(20, side // 2, 2))
        pen.rectangle((left, top, left + wide, top + high), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    return np.asarray(image)


def flat(side: int, rng: Rng) -> Picture:
    return np.full((side, side, 3), rng.integers(20, 236, 3), np.uint8)


def gradient(side: int, rng: Rng) -> Picture:
    first, last = rng.integers(10, 246, (2, 3))
    angle = rng.uniform(0, np.pi)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    share = np.clip(columns * np.cos(angle) + rows * np.sin(angle) + 0.5, 0, 1)[..., None]
    return np.asarray(first * (1 - share) + last * share).astype(np.uint8)


#: Name → code of `shared.bank.photo_gate` that should be told (empty: the gate does not know it), and how it is made.
DEFECTS: dict[str, tuple[str, Spoil]] = {
    "out of focus 1 %": ("blurred", blurred(0.01)),
    "out of focus 2 %": ("blurred", blurred(0.02)),
    "shaken 4 %": ("blurred", shaken(0.04)),
    "shaken 8 %": ("blurred", shaken(0.08)),
    "2.5 stops over": ("overexposed", exposed(2.5)),
    "2.5 stops under": ("dark", exposed(-2.5)),
    "4 stops under": ("dark", exposed(-4)),
    "reflection 10 %": ("glare", glared(0.1)),
    "reflection 18 %": ("glare", glared(0.18)),
    "two cloths": ("several", two_cloths),
    "on a table": ("far", on_a_table),
    "moiré": ("", moire),
}
#: Name → how a picture without fabric is drawn, from its side in pixels.
NO_FABRIC: dict[str, Callable[[int, Rng], Picture]] = {
    "page of text": page,
    "window": window,
    "flat": flat,
    "gradient": gradient,
}
