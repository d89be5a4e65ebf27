"""The dominant colours of a photo: clusters in CIELAB, each with its share and a plain name."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.photos import lab
from shared.photos.colour_names import COLOUR_NAMES
from shared.photos.pixels import Pixels, picture

#: Colours given, and clusters that they are chosen from.
COUNT = 3
_CLUSTERS, _ROUNDS = 6, 5
#: Blocks of pixels that are looked at, and the side of the cells in Lab that stand for them.
_PIXELS, _CELL = 2500, 8.0
#: Clusters nearer than this, in Lab, are one colour; smaller shares are none.
_SAME, _LEAST = 14.0, 0.04


def dominant(rgb: Pixels) -> list[list[Any]]:
    """Of RGB pixels: up to `COUNT` rows `[#rrggbb, [L*, a*, b*], share 0…1, name]`, largest first."""
    colours, weights = _cells(_small(picture(rgb)).reshape(-1, 3))
    owner = _cluster(lab.from_srgb(colours.round().astype(np.uint8)), weights)
    mean, share = _means(colours, weights, owner, _CLUSTERS)
    largest = [index for index in np.argsort(-share, kind="stable")[:COUNT] if share[index] >= _LEAST]
    shown = mean[largest].round().astype(np.uint8)
    places = lab.from_srgb(shown)
    return [
        [f"#{pixel.tobytes().hex()}", [round(float(v), 1) + 0.0 for v in at], round(float(share[index]), 3), called]
        for index, pixel, at, called in zip(largest, shown, places, _names_of(places), strict=True)
    ]


def name(colour: NDArray[np.float64]) -> str:
    """The nearest name, by ΔE2000, of a Lab colour [3]."""
    return _names_of(colour[None])[0]


def _names_of(colours: NDArray[np.float64]) -> list[str]:
    names, places = _named()
    return [names[index] for index in lab.difference(places, colours[:, None]).argmin(1)]


def _small(image: Image.Image) -> NDArray[np.uint8]:
    """Means of square blocks, about `_PIXELS` of them."""
    step = max(1, min(round((image.height * image.width / _PIXELS) ** 0.5), *image.size))
    return np.asarray(image.reduce(step))


def _cells(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean RGB [n, 3] and share [n] of the cells of Lab that hold pixels."""
    lightness, red_green, yellow_blue = (lab.from_srgb(pixels) / _CELL).round().astype(np.int32).T
    # sRGB reaches from -11 to 12 and from -14 to 12 of them: few enough to count them all, which spares sorting.
    cell = (lightness << 10) + (red_green + 16 << 5) + yellow_blue + 16
    counts = np.bincount(cell)
    held = np.flatnonzero(counts)
    sums = np.stack([np.bincount(cell, pixels[:, channel])[held] for channel in range(3)], 1)
    return sums / counts[held][:, None], counts[held] / len(pixels)


def _cluster(position: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """The cluster of each cell: weighted k-means from far-apart heavy cells, then near clusters are joined."""
    centres = position[[int(weights.argmax())]]
    far = _distances(position, centres)[:, 0]
    while len(centres) < min(_CLUSTERS, len(position)):
        added = position[[int((far * weights).argmax())]]
        centres = np.concatenate([centres, added])
        far = np.minimum(far, _distances(position, added)[:, 0])
    for _ in range(_ROUNDS):
        centres, _ = _means(position, weights, _distances(position, centres).argmin(1), len(centres))
    owner: NDArray[np.intp] = _distances(position, centres).argmin(1)
    while True:
        centres, share = _means(position, weights, owner, len(centres))
        apart = _distances(centres, centres)
        apart[(share == 0), :] = apart[:, (share == 0)] = np.inf
        np.fill_diagonal(apart, np.inf)
        first, second = divmod(int(apart.argmin()), len(centres))
        if apart[first, second] > _SAME**2:
            return owner
        owner[owner == second] = first


def _means(
    values: NDArray[np.float64], weights: NDArray[np.float64], owner: NDArray[np.intp], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted mean of each cluster's rows [count, 3], 0 for an empty one; and its share [count]."""
    held = (owner == np.arange(count)[:, None]) * weights
    share = held.sum(1)
    return held @ values / np.maximum(share, 1e-12)[:, None], share


def _distances(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared: [n, m]."""
    squared: NDArray[np.float64] = (points**2).sum(1)[:, None] - 2 * points @ centres.T + (centres**2).sum(1)
    return squared


@cache
def _named() -> tuple[list[str], NDArray[np.float64]]:
    colours = [[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in COLOUR_NAMES]
    return list(COLOUR_NAMES.values()), lab.from_srgb(np.array(colours, np.uint8))
