"""Classes without threads: felt, leather, suede; and made-up ones: sequins, quilting, pleats."""

from __future__ import annotations

import numpy as np

from scripts.render.noise import SIDE, F, band, cells, cloud, nearest, sample, strands
from scripts.render.surface import Design, Grid, Surface


def felt(grid: Grid, design: Design) -> Surface:
    """Matted fibres in all directions, no structure."""
    k = SIDE / 30
    x, y = grid.x * k + design.shift[0], grid.y * k + design.shift[1]
    first = sample(strands(design.variant, 2600, 60.0, 1.6), x, y)
    other = sample(strands(design.variant + 4, 2600, 60.0, 1.6), y * 0.9 + 77, x * 0.9)
    matt = nearest(band(design.variant, 90, 250), x * 1.3, y * 1.3)
    lump = sample(cloud(design.variant, 1.8), x * 0.3, y * 0.3)
    fibre = np.maximum(first, other)
    tone = 0.72 + 0.26 * fibre + 0.06 * matt + 0.04 * lump
    if design.chance(0.3):
        tone = tone + 0.25 * (first - other)
    height = 0.07 * fibre + 0.03 * matt + 0.1 * lump
    surface = Surface(height.astype(np.float32), (design.palette.ground * tone[..., None]).astype(np.float32))
    surface.fuzz, surface.occlusion, surface.gloss = 0.7, 0.15, 0.02
    return surface


def leather(grid: Grid, design: Design) -> Surface:
    """Grain of polygons between creases, glossy finish."""
    k = SIDE / 32
    wave = 9 * sample(cloud(design.variant, 1.7), grid.x * k * 0.5, grid.y * k * 0.5)
    x, y = grid.x * k + wave + design.shift[0], grid.y * k * design.between(0.75, 1.3) - wave + design.shift[1]
    _, gap, value = cells(design.variant, 32, 0.5)
    crease = np.clip(sample(gap, x, y) / design.between(0.25, 0.5), 0, 1)
    fine = np.clip(sample(cells(design.variant + 1, 64, 0.5)[1], x * 1.6, y * 1.6) / 0.4, 0, 1)
    depth = design.between(0.25, 1.0)
    dome = depth * (0.26 * np.sqrt(crease) + 0.06 * nearest(value, x, y) * crease) + 0.07 * fine
    tone = (1 - 0.42 * depth + 0.42 * depth * crease) * (0.90 + 0.10 * fine)
    if design.chance(0.35):
        second = design.palette.ground * 0.45
        tone = np.maximum(tone * np.clip(1.08 + 0.12 * wave / 9, 0.8, 1.2), second.mean())
    surface = Surface(dome.astype(np.float32), (design.palette.ground * tone[..., None]).astype(np.float32))
    surface.gloss, surface.polish = design.between(0.2, 0.65), design.between(14, 40)
    surface.occlusion, surface.fuzz = 0.3, 0.0
    return surface


def suede(grid: Grid, design: Design) -> Surface:
    """Napped flesh side: fine matt fibres with stroked patches."""
    k = SIDE / 40
    x, y = grid.x * k + design.shift[0], grid.y * k + design.shift[1]
    stroke = sample(cloud(design.variant, 1.9, design.between(0.5, 1.0)), x * 0.5, y * 0.5)
    nap = nearest(band(design.variant, 100, 250, 0.7), x * 2, y * 2)
    pore = np.clip(sample(band(design.variant + 2, 50, 110), x, y) - 1.2, 0, 1)
    tone = 0.72 + design.between(0.14, 0.30) * stroke + 0.05 * nap - 0.15 * pore
    surface = Surface(
        (0.03 * nap - 0.05 * pore).astype(np.float32),
        (design.palette.ground * np.clip(tone, 0.2, 1.3)[..., None]).astype(np.float32),
    )
    surface.fuzz, surface.occlusion, surface.gloss, surface.sheen = 0.3, 0.1, 0.0, 0.5
    return surface


def sequin(grid: Grid, design: Design) -> Surface:
    """Overlapping discs, each tilted its own way; one unit is one disc."""
    height = np.full_like(grid.x, -1.0)
    number = np.zeros(grid.x.shape, np.int32)
    rim = np.zeros_like(grid.x)
    for level in range(2):
        v = grid.y / 0.75 + level * 1.0
        row = np.floor(v / 2)
        u = grid.x + 0.5 * level + 0.13 * (row % 3)
        cell = np.floor(u)
        du, dv = u - cell - 0.5, (v / 2 - row - 0.5) * 1.5
        radius = np.hypot(du, dv)
        order = 1.0 - radius * 0.15 - dv * 0.9
        inside = (radius < 0.58) & (order > height)
        height = np.where(inside, order, height)
        number = np.where(inside, (cell * 57 + row * 131 + level * 17).astype(np.int32) & 511, number)
        rim = np.where(inside, radius, rim)
    tilt = design.rng.normal(0, 0.30, (2, 512)).astype(np.float32)
    sx, sy = tilt[0].take(number), tilt[1].take(number)
    plane = sx * (grid.x % 1.0 - 0.5) + sy * (grid.y % 1.0 - 0.5)
    hole = np.clip(1 - rim / 0.08, 0, 1)
    two = design.palette.colours[[0, 1 if design.chance(0.3) else 0]]
    colour = two.take((number >> 3) % 2, axis=0)
    tone = (
        (0.35 + 0.65 * np.clip((0.6 - rim) * 8, 0, 1))
        * (0.75 + 1.2 * np.clip(sx + 0.6 * sy, -0.4, 0.6))
        * (1 - 0.7 * hole)
    )
    surface = Surface(
        (plane + 0.15 * height).astype(np.float32), (colour * np.clip(tone, 0.08, 1.5)[..., None]).astype(np.float32)
    )
    surface.gloss, surface.polish, surface.fuzz = 1.0, 26.0, 0.0
    surface.occlusion = 0.1
    return surface


def _seam(distance: F, y: F) -> F:
    """Depth of a stitched line: 1 on the seam, dashed as stitches are."""
    dash = 0.65 + 0.35 * (np.sin(2 * np.pi * y) > -0.3)
    return (np.exp(-distance * 7.0) * dash).astype(np.float32)


def quilted(grid: Grid, design: Design) -> Surface:
    """Wadding stitched down along diamonds or channels; one unit is one cell."""
    kind = design.rng.random()
    if kind < 0.65:
        a, b = (grid.x + grid.y) % 1.0, (grid.x - grid.y) % 1.0
        first, second = 0.5 - np.abs(a - 0.5), 0.5 - np.abs(b - 0.5)
        distance = np.minimum(first, second)
        puff = np.sqrt(np.sin(np.pi * first) * np.sin(np.pi * second))
    elif kind < 0.85:
        distance = 0.5 - np.abs(grid.y % 1.0 - 0.5)
        puff = np.sqrt(np.sin(np.pi * distance))
    else:
        first, second = 0.5 - np.abs(grid.x % 1.0 - 0.5), 0.5 - np.abs(grid.y % 1.0 - 0.5)
        distance = np.minimum(first, second)
        puff = np.sqrt(np.sin(np.pi * first) * np.sin(np.pi * second))
    seam = _seam(distance * 4, (grid.x + 0.6 * grid.y) * 14)
    k = SIDE / 6
    pucker = sample(cloud(design.variant, 1.5), grid.x * k, grid.y * k) * np.exp(-distance * 6)
    weave = nearest(band(design.variant, 120, 250), grid.x * 90, grid.y * 90)
    height = 0.30 * puff + 0.03 * pucker - 0.05 * seam
    tone = (0.92 - 0.5 * seam) * (1 + 0.03 * weave)
    surface = Surface(height.astype(np.float32), (design.palette.ground * tone[..., None]).astype(np.float32))
    surface.gloss, surface.polish = design.between(0.05, 0.5), 12.0
    surface.occlusion, surface.fuzz = 0.3, 0.1
    return surface


def pleated(grid: Grid, design: Design) -> Surface:
    """Knife or accordion pleats along y; one unit is one pleat."""
    wobble = 0.10 * sample(cloud(design.variant, 2.0), grid.x * 12, grid.y * 12)
    t = (grid.x + wobble) % 1.0
    if design.chance(0.6):
        lean = design.between(0.70, 0.92)
        height = np.where(t < lean, t / lean, (1 - t) / (1 - lean))
        shadow = np.clip((t - lean) / (1 - lean), 0, 1) + np.exp(-t * 14) * 0.9
    else:
        height = 1 - np.abs(2 * t - 1)
        shadow = np.exp(-np.minimum(t, 1 - t) * 12)
    weave = nearest(band(design.variant, 120, 250), grid.x * 70, grid.y * 70)
    tone = (1 - 0.65 * shadow) * (1 + 0.03 * weave)
    surface = Surface((0.5 * height).astype(np.float32), (design.palette.ground * tone[..., None]).astype(np.float32))
    surface.gloss, surface.polish = design.between(0.05, 0.5), 14.0
    surface.occlusion, surface.fibre = 0.3, np.full_like(grid.x, np.pi / 2)
    return surface
