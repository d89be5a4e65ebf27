"""Tileable noise and cell textures, made once a process and sampled at cloth coordinates.

A texture that is a function of cloth coordinates stays fixed to the cloth, so two views of one design show the same
yarn faults. Tiles wrap, which makes a cloth endless. Sources: spectral synthesis (Saupe 1988) for `cloud`, Worley
(1996) for `cells`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

F = NDArray[np.floating[Any]]
#: Side of a tile in texels; a power of two, so that wrapping is a bit mask.
SIDE = 512


def sample(tile: F, x: F, y: F) -> F:
    """Value of a square wrapping `tile` at (x, y) in texels, bilinear; the shape of `x`."""
    mask = tile.shape[0] - 1
    xf, yf = np.floor(x), np.floor(y)
    i, j = xf.astype(np.int32) & mask, yf.astype(np.int32) & mask
    i2, j2 = (i + 1) & mask, (j + 1) & mask
    s, t = x - xf, y - yf
    flat, side = tile.ravel(), tile.shape[0]
    j, j2 = j * side, j2 * side
    top = flat.take(j + i)
    top += s * (flat.take(j + i2) - top)
    low = flat.take(j2 + i)
    low += s * (flat.take(j2 + i2) - low)
    return top + t * (low - top)


def nearest(tile: F, x: F, y: F) -> F:
    """Value of a square wrapping `tile` at (x, y) in texels, no interpolation: a quarter of the cost of `sample`."""
    mask = tile.shape[0] - 1
    i, j = x.astype(np.int32) & mask, y.astype(np.int32) & mask
    return tile.ravel().take(j * tile.shape[0] + i)


def _standard(tile: NDArray[np.floating]) -> F:
    return ((tile - tile.mean()) / (tile.std() + 1e-9)).astype(np.float32)


@cache
def cloud(variant: int, slope: float = 1.6, stretch: float = 1.0) -> F:
    """Fractal noise tile, mean 0, deviation 1: spectrum ~ frequency^-slope; `stretch` > 1 lengthens it along y."""
    rng = np.random.default_rng([11, variant])
    fy = np.fft.fftfreq(SIDE)[:, None] * SIDE * stretch
    fx = np.fft.rfftfreq(SIDE)[None, :] * SIDE
    radius = np.hypot(fx, fy)
    radius[0, 0] = 1.0
    spectrum = rng.standard_normal((SIDE, SIDE // 2 + 1)) + 1j * rng.standard_normal((SIDE, SIDE // 2 + 1))
    spectrum *= radius**-slope
    spectrum[0, 0] = 0.0
    return _standard(np.fft.irfft2(spectrum, s=(SIDE, SIDE)))


@cache
def band(variant: int, low: float, high: float, stretch: float = 1.0) -> F:
    """Band-pass noise tile, mean 0, deviation 1, wavelengths between SIDE/high and SIDE/low texels."""
    rng = np.random.default_rng([13, variant])
    fy = np.fft.fftfreq(SIDE)[:, None] * SIDE * stretch
    fx = np.fft.rfftfreq(SIDE)[None, :] * SIDE
    radius = np.hypot(fx, fy)
    spectrum = rng.standard_normal(radius.shape) + 1j * rng.standard_normal(radius.shape)
    spectrum *= np.exp(-0.5 * (np.log((radius + 1e-6) / np.sqrt(low * high)) / (0.5 * np.log(high / low) + 1e-6)) ** 2)
    return _standard(np.fft.irfft2(spectrum, s=(SIDE, SIDE)))


@cache
def cells(variant: int, count: int = 32, jitter: float = 0.45) -> tuple[F, F, F]:
    """Worley tile of about count × count cells: (distance to the nearest seed, second minus first, a value a cell).

    Distances are in cell widths. `jitter` 0 is a square grid, 0.5 is loose.
    """
    rng = np.random.default_rng([17, variant, count])
    grid = (
        np.indices((count, count)).reshape(2, -1).T + 0.5 + rng.uniform(-jitter, jitter, (count * count, 2))
    ) / count
    grid[:, 1] += 0.5 / count * (np.floor(grid[:, 0] * count) % 2)
    tree = cKDTree(grid % 1.0, boxsize=1.0)
    axis = (np.arange(SIDE) + 0.5) / SIDE
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    distance, index = tree.query(points, k=2)
    value = rng.random(count * count)[index[:, 0]]
    shape = (SIDE, SIDE)
    return (
        (distance[:, 0] * count).reshape(shape).astype(np.float32),
        ((distance[:, 1] - distance[:, 0]) * count).reshape(shape).astype(np.float32),
        value.reshape(shape).astype(np.float32),
    )


@cache
def loops(variant: int, count: int, radius: float, thickness: float, curl: float) -> F:
    """Tile of `count` yarn loops (arcs laid over one another), height 0…1. Texels; `curl` in radians."""
    rng = np.random.default_rng([19, variant, count])
    height = np.zeros((SIDE, SIDE), np.float32)
    steps = np.linspace(0, 1, 26)
    for order in range(4):
        mask = np.ones((SIDE, SIDE), bool)
        for _ in range(count // 4):
            centre, start = rng.uniform(0, SIDE, 2), rng.uniform(0, 2 * np.pi)
            angle = start + steps * curl * rng.uniform(0.6, 1.2)
            r = radius * rng.uniform(0.6, 1.3)
            px = (centre[0] + r * np.cos(angle)).astype(int) % SIDE
            py = (centre[1] + r * np.sin(angle) * rng.uniform(0.6, 1.0)).astype(int) % SIDE
            mask[py, px] = False
        gap = distance_transform_edt(np.tile(mask, (1, 1)))
        tube = np.sqrt(np.clip(1 - (gap / thickness) ** 2, 0, 1)) * (0.55 + 0.15 * order)
        height = np.maximum(height, tube.astype(np.float32))
    return height


@cache
def strands(variant: int, count: int, length: float, spread: float) -> F:
    """Tile of `count` combed fibres running mainly along y, height 0…1. Length in texels, spread in radians."""
    rng = np.random.default_rng([23, variant, count])
    tile = np.zeros((SIDE, SIDE), np.float32)
    steps = np.linspace(0, 1, int(length))
    flow = cloud(variant, 2.0)
    for _ in range(count):
        x, y = rng.uniform(0, SIDE, 2)
        angle = np.pi / 2 + spread * (flow[int(y), int(x)] * 0.5 + rng.normal(0, 0.35))
        bend = rng.normal(0, 0.8) * spread
        path = angle + bend * steps
        px = (x + np.cumsum(np.cos(path))).astype(int) % SIDE
        py = (y + np.cumsum(np.sin(path))).astype(int) % SIDE
        tile[py, px] = np.maximum(tile[py, px] * 0.6, rng.uniform(0.4, 1.0) * (0.35 + 0.65 * steps))
    return tile
