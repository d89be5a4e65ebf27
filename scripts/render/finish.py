"""Classes made by a finish or by needlework: glitter, metallic foil, patent, embroidery, smocking."""

from __future__ import annotations

import numpy as np

from scripts.render import drafts
from scripts.render.noise import SIDE, F, band, cells, cloud, nearest, sample
from scripts.render.surface import Design, Grid, Surface
from scripts.render.woven import Yarns, dense, interlace


def _coloured(colour: F, tone: F, high: float = 1.4) -> F:
    return (colour * np.clip(tone, 0.03, high)[..., None]).astype(np.float32)


def glitter(grid: Grid, design: Design) -> Surface:
    """Flakes glued on at random angles: a few flash, most are dark; one unit is about ten flakes."""
    k = SIDE / 9
    x, y = grid.x * k + design.shift[0], grid.y * k + design.shift[1]
    value = nearest(cells(design.variant, 64, 0.5)[2], x, y)
    other = nearest(cells(design.variant + 1, 64, 0.5)[2], y * 1.1 + 91, x * 1.1)
    flash = np.where(value > 0.9, 2.6, 0.35 + 0.7 * other)
    second = design.palette.colours[[0, 1 if design.chance(0.3) else 0]].take((value * 40).astype(np.int32) % 2, axis=0)
    surface = Surface((0.06 * (value - other)).astype(np.float32), _coloured(second, flash, 2.8))
    surface.albedo += (0.5 * (value > 0.93))[..., None].astype(np.float32)
    surface.gloss, surface.polish, surface.occlusion, surface.fuzz = 0.6, 20.0, 0.0, 0.0
    return surface


def metallic(grid: Grid, design: Design) -> Surface:
    """Foil and lamé: crumpled mirror-like facets with sharp bright creases."""
    k = SIDE / 10
    x, y = grid.x * k + design.shift[0], grid.y * k + design.shift[1]
    creases = 1 - np.abs(sample(cloud(design.variant, 1.7), x * 0.7, y * 0.7))
    facets = sample(cells(design.variant, 16, 0.5)[1], x * 0.5, y * 0.5)
    amount = design.between(0.15, 0.8)
    height = amount * (0.30 * creases + 0.25 * facets)
    weave = nearest(band(design.variant, 150, 250), x * 3, y * 3)
    base = 0.35 * design.palette.ground + 0.15
    surface = Surface(height.astype(np.float32), _coloured(base, 0.75 + 0.06 * weave + 0.15 * creases))
    surface.gloss, surface.polish, surface.occlusion, surface.fuzz = 1.6, design.between(5, 16), 0.1, 0.0
    return surface


def patent(grid: Grid, design: Design) -> Surface:
    """PVC and patent leather: a smooth coat that mirrors its lamps in broad hard highlights."""
    k = SIDE / 9
    x, y = grid.x * k + design.shift[0], grid.y * k + design.shift[1]
    wave = sample(cloud(design.variant, 2.4), x * 0.25, y * 0.25)
    ripple = sample(cloud(design.variant + 1, 2.4), x * 0.8, y * 0.8)
    surface = Surface(
        (0.55 * wave + 0.06 * ripple).astype(np.float32), _coloured(design.palette.ground, np.full_like(wave, 0.8))
    )
    surface.gloss, surface.polish, surface.occlusion, surface.fuzz = (
        design.between(1.2, 1.9),
        design.between(30, 80),
        0.0,
        0.0,
    )
    return surface


def embroidery(grid: Grid, design: Design) -> Surface:
    """Satin-stitched flowers and leaves raised on a plain ground; one unit is one ground yarn."""
    base = Yarns(design.palette.ground[None], (0,), 0.95, 0.04, 0.0, 0.03)
    surface = dense(interlace(grid, design, drafts.plain(), base, base, crimp=0.4), 0.6)
    size = design.between(24, 44)
    u, v = grid.x / size, grid.y / size
    row = np.floor(v)
    u = u + 0.5 * (row % 2)
    number = (np.floor(u) * 7 + row * 13).astype(np.int32) & 511
    spin = design.rng.uniform(0, 6.3, 512).astype(np.float32).take(number)
    cu, cv = u % 1.0 - 0.5, v % 1.0 - 0.5
    angle, radius = np.arctan2(cv, cu) + spin, np.hypot(cu, cv)
    petals = int(design.rng.choice([5, 6, 7]))
    turn = angle * petals / (2 * np.pi)
    local = turn - np.floor(turn) - 0.5
    flower = 0.24 + 0.12 * np.cos(2 * np.pi * local) - radius
    heart = 0.07 - radius
    stem_wave = sample(band(design.variant, 10, 18), u * SIDE / 8, v * SIDE / 8)
    stem = np.where(radius > 0.36, 0.02 - 0.07 * np.abs(stem_wave), -1.0)
    figure = np.maximum(flower, stem)
    on = np.clip(figure * size * 0.8 + 0.5, 0, 1)
    phase = np.where(flower > stem, local * 16 + 0.4 * radius * size, stem_wave * 4 + grid.x * 1.1)
    thread = 0.5 + 0.5 * np.sin(2 * np.pi * phase)
    which = np.where(heart > 0, 3, np.where(flower > stem, 1 + (number >> 2) % 2, 4))
    colour = design.palette.colours.take(which, axis=0)
    tone = 0.65 + 0.35 * thread
    surface.albedo = surface.albedo * (1 - on[..., None]) + _coloured(colour, tone) * on[..., None]
    dome = np.sqrt(np.clip(figure * 12, 0, 1))
    surface.height = (surface.height * (1 - on) + on * (0.8 + 1.6 * dome + 0.35 * thread)).astype(np.float32)
    surface.gloss = (0.05 + 0.35 * on).astype(np.float32)
    surface.polish, surface.occlusion = 12.0, 0.25
    surface.fibre = (np.pi / 2 + angle).astype(np.float32)
    return surface


def smocking(grid: Grid, design: Design) -> Surface:
    """Gathers held in a honeycomb: pleats pinched together in turn; one unit is one pleat."""
    depth = design.between(1.3, 2.2)
    row = grid.y / depth
    pinch = np.cos(np.pi * row)
    x = grid.x + 0.04 * sample(cloud(design.variant, 1.8), grid.x * 20, grid.y * 20)
    shifted = x + 0.25 * np.sin(2 * np.pi * x) * pinch
    fold = np.abs(np.sin(np.pi * shifted))
    knot_x, knot_y = (x + 0.5 * (np.floor(row + 0.5) % 2)) % 1.0 - 0.5, (row + 0.5) % 1.0 - 0.5
    knot = np.exp(-((knot_x / 0.14) ** 2 + (knot_y * depth / 0.16) ** 2))
    height = 0.42 * np.sqrt(fold) * (1 - 0.55 * knot)
    thread = design.palette.second if design.chance(0.4) else design.palette.ground * 0.6
    weave = nearest(band(design.variant, 150, 250), x * 60, grid.y * 60)
    albedo = _coloured(design.palette.ground, (0.42 + 0.58 * fold) * (1 + 0.03 * weave))
    albedo += (0.8 * knot)[..., None].astype(np.float32) * (thread - albedo)
    surface = Surface(height.astype(np.float32), albedo)
    surface.occlusion, surface.gloss = 0.35, design.between(0.0, 0.3)
    return surface
