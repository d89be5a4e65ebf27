"""Cheap measures of a photo's pixels, by which poor photos are told from good ones.

They are taken of the middle square, which is what models see, at one small size, so that photos of any size compare.
What is poor is not said here: that depends on the cloth (`shared.bank.photo_gate`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.photos.pixels import Pixels, picture

Floats = NDArray[np.float32]

#: Side of the square in pixels; smaller photos are measured as they are.
SIDE = 160
#: Blocks across, whose colour and texture are compared; and pixels of the spots in which highlights are looked for.
_GRID, _SPOT = 16, 5
#: Steps to neighbours whose differences tell sharpness: near, far, and in which directions (rows, columns).
_NEAR, _FAR = 1, 4
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
#: Mean squared difference of neighbours that sensor noise and JPEG make by themselves at `SIDE` pixels, grey 0…255.
_NOISE = 3.0
#: Share of the largest coarse differences below which a direction has too few of its own to tell sharpness by: pleats
#: and ribs are even along themselves in the sharpest photo.
_EVEN_ALONG = 0.15
#: Grey from which a spot, and value from which a channel is blown out.
_BLOWN, _CLIPPED = 248, 252
#: Median grey of what may be a page: white, with ink.
_PAPER = 215
#: Mean difference of a pixel's channels up to which there is no colour.
_GREY = 14
#: A ground is plain whose blocks (nine tenths of those along the edge) have no more contrast than this, and differ no
#: more from even or evenly falling light; a pixel that differs by so much more is none of it. Grey levels.
_PLAIN, _EVEN, _UNLIKE = 6.0, 6.0, 16.0
#: Shares: of a block's pixels that are unlike the ground where a thing is, and of the thing's bounding box that it
#: fills. Writing leaves more of the paper to be seen.
_COVERED, _FILLED = 0.5, 0.6
#: Smallest side that can be measured.
_LEAST = 4 * _GRID


def measure(rgb: Pixels) -> dict[str, float]:
    """Of RGB pixels: the measures of `shared.bank.photo_gate.RULES`.

    - `side`: pixels of the shorter side where they are less than 64; then nothing else can be told.
    - `fine`: energy of fine differences beside coarse ones, in the least sharp of four directions, those passed over in
      which there is hardly anything to be seen; about 0.03 (blurred) to 1. Not given for photos smaller than `SIDE`.
    - `light`: grey (0…255) that 2 % of the pixels exceed.
    - `clipped`: share (0…1) of pixels with a channel at its end. `blown`: share of spots that are white throughout.
    - `texture`: median contrast within blocks, grey levels. `patchy`: how unlike the blocks' contrasts are.
    - `ink`: grey levels between a white ground and the darkest pixels; 0 without a white ground. `print`: the same
      where nothing has a colour, as on a page, else 0: what is left of a cloth that is overexposed has one.
    - `split`, `inner`: how much both sides of a line, or the middle and its surroundings, differ in colour and texture,
      in standard deviations within them.
    - `swatch`: share (0…1) of the side that a single thing on a plain ground takes; only given where there is one.
    """
    image = _middle(picture(rgb))
    side = image.width
    if side < _LEAST:
        return {"side": side}
    red, green, blue = (np.asarray(band) for band in image.split())
    grey_image = image.convert("L")
    grey = np.asarray(grey_image)
    levels = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    ground, middle, light = (int(np.searchsorted(levels, share)) for share in (0.02, 0.5, 0.98))
    ink = middle - ground if middle > _PAPER else 0
    means, contrasts, colours = _blocks(image, grey)
    low, usual, high = np.sort(contrasts, axis=None)[[_GRID**2 // 4, _GRID**2 // 2, _GRID**2 * 9 // 10]]
    split, inner = _differences(means, contrasts, colours)
    found = {
        "light": light,
        "clipped": (np.maximum(np.maximum(red, green), blue) >= _CLIPPED).mean(),
        "blown": (np.asarray(grey_image.reduce(_SPOT)) >= _BLOWN).mean(),
        "texture": usual,
        "patchy": high / (low + 2),
        "ink": ink,
        "print": ink if ink and _chroma(np.asarray(image)[grey < _PAPER]) < _GREY else 0,
        "split": split,
        "inner": inner,
    }
    if side == SIDE:
        found["fine"] = _sharpness(grey.astype(np.float32))
    if (swatch := _swatch(image, contrasts, colours)) is not None:
        found["swatch"] = swatch
    return {name: round(float(value), 4) for name, value in found.items()}


def _middle(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    if side <= SIDE:
        return image.crop(box)
    # By whole pixels first: half the time.
    return image.reduce(side // SIDE, box).resize((SIDE, SIDE), Image.Resampling.BOX)


def _sharpness(grey: Floats) -> float:
    # Every second pixel of every second row stands for all: a quarter of the time.
    near_by, far_off = (
        [_energy(grey, rows * step, columns * step) for rows, columns in _DIRECTIONS] for step in (_NEAR, _FAR)
    )
    least = _EVEN_ALONG * max(far_off)
    return min(
        max(near - _NOISE, 0) / (far + 2 * _NOISE) for near, far in zip(near_by, far_off, strict=True) if far >= least
    )


def _energy(grey: Floats, rows: int, columns: int) -> float:
    """Mean squared difference of pixels and those that many rows and columns away."""
    height, width = grey.shape
    own = grey[_FAR : height - _FAR : 2, _FAR : width - _FAR : 2]
    other = grey[_FAR + rows : height - _FAR + rows : 2, _FAR + columns : width - _FAR + columns : 2]
    difference = (own - other).ravel()
    return float(difference @ difference) / difference.size


def _blocks(image: Image.Image, grey: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
    """Mean grey [n, n], its standard deviation [n, n], and mean RGB [n, n, 3] of the blocks."""
    size = image.width // _GRID
    across = size * _GRID
    cut = grey[:across, :across].astype(np.float32).reshape(_GRID, size, _GRID, size)
    means = cut.mean(axis=(1, 3))
    squares = np.einsum("abcd,abcd->ac", cut, cut) / size**2
    colours = np.asarray(image.crop((0, 0, across, across)).reduce(size), np.float32)
    return means, np.sqrt(np.maximum(squares - means * means, 0)), colours


def _swatch(image: Image.Image, contrasts: Floats, colours: Floats) -> float | None:
    """Share of the side that a single thing on a plain ground takes; None where there is none."""
    edge, slopes, fit = _edge()
    if _most(contrasts.ravel()[edge]) > _PLAIN:
        return None
    along = colours.reshape(_GRID**2, 3)[edge]
    light = fit @ along
    if _most(np.abs(slopes[edge] @ light - along).max(1)) > _EVEN:
        return None
    ground = (slopes @ light).reshape(_GRID, 1, _GRID, 1, 3)
    size = image.width // _GRID
    pixels = np.asarray(image, np.float32)[: size * _GRID, : size * _GRID].reshape(_GRID, size, _GRID, size, 3)
    thing = (np.abs(pixels - ground).max(-1) > _UNLIKE).mean(axis=(1, 3)) > _COVERED
    rows, columns = np.flatnonzero(thing.any(1)), np.flatnonzero(thing.any(0))
    if not len(rows) or thing.ravel()[edge].any():
        return None
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    if min(height, width) < 2 or thing.sum() <= _FILLED * height * width:
        return None
    return float(np.sqrt(height * width)) / _GRID


def _most(values: Floats) -> float:
    """What nine tenths are not above."""
    return float(np.sort(values)[len(values) * 9 // 10])


def _chroma(pixels: NDArray[np.uint8]) -> float:
    """Mean difference of the channels of RGB pixels [n, 3]."""
    return float((pixels.max(1) - pixels.min(1)).mean()) if len(pixels) else 0.0


@cache
def _edge() -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Which blocks are along the edge, [blocks]; what even and evenly falling light are made of, [blocks, 3]; and the
    matrix that fits it to the blocks along the edge, [3, edge]."""
    row, column = np.mgrid[:_GRID, :_GRID].reshape(2, -1)
    edge = np.minimum(np.minimum(row, column), _GRID - 1 - np.maximum(row, column)) == 0
    slopes = np.stack([np.ones_like(row), row, column], -1).astype(np.float32)
    return edge, slopes, np.linalg.pinv(slopes[edge]).astype(np.float32)


def _differences(means: Floats, contrasts: Floats, colours: Floats) -> tuple[float, float]:
    """The largest differences of two parts: beside a line, and of the middle and what is around it."""
    red, green, blue = np.moveaxis(np.log(colours + 12), -1, 0)
    # Ratios of colours stay as they are where a shadow falls; brightness and contrast count less.
    features = np.stack([red - green, blue - green, 0.35 * np.log(means + 12), 0.35 * np.log(contrasts + 3)], -1)
    rows = features.reshape(_GRID**2, -1)
    parts, lines = _parts()
    size = parts.sum(axis=1, keepdims=True)
    rest = _GRID**2 - size
    sums = parts @ rows
    own, other = sums / size, (rows.sum(0) - sums) / rest
    within = ((rows * rows).sum(0) - size * own * own - rest * other * other) / _GRID**2
    found = np.sqrt(((own - other) ** 2 / (np.maximum(within, 0) + 0.03**2)).sum(axis=1))
    return float(found[:lines].max()), float(found[lines:].max())


@cache
def _parts() -> tuple[Floats, int]:
    """Which blocks are in a part, float32 [parts, blocks]: parts beside lines first, and how many these are."""
    column, row = np.meshgrid(np.arange(_GRID), np.arange(_GRID))
    parts: list[Any] = []
    for place in range(_GRID // 4, _GRID - _GRID // 4 + 1):
        parts += [row < place, column < place]
    for shift in range(-(_GRID // 3), _GRID // 3 + 1, 2):
        parts += [row + shift < column, row + column < _GRID - 1 + shift]
    lines = len(parts)
    centre = (_GRID - 1) / 2
    parts += [np.maximum(abs(row - centre), abs(column - centre)) < reach * _GRID for reach in (0.22, 0.3, 0.38)]
    return np.array(parts, np.float32).reshape(len(parts), -1), lines
