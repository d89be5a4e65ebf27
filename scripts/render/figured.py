"""Woven classes made by a figure in the draft: waffle, ripstop, jacquard, tweed."""

from __future__ import annotations

import numpy as np

from scripts.render import drafts
from scripts.render.noise import SIDE, F, band, cells, cloud, nearest, sample
from scripts.render.surface import Design, Grid, Surface
from scripts.render.woven import Yarns, dense, interlace, melange


def _piece(design: Design, off: float, **more: float) -> tuple[Yarns, Yarns]:
    ground = design.palette.ground[None]
    return Yarns(ground, **more), Yarns(np.clip(ground * off, 0, 1), **more)  # type: ignore[arg-type]


def waffle(grid: Grid, design: Design) -> Surface:
    """Honeycomb: square hollows between ridges of floats."""
    size = int(design.rng.choice([4, 5, 6]))
    warp, weft = _piece(design, design.between(0.9, 1.1), width=0.95, uneven=0.05, shade=0.03)
    surface = dense(interlace(grid, design, drafts.waffle(size), warp, weft, crimp=0.5), 0.6)
    a = np.abs((grid.x / (2 * size)) % 1.0 - 0.5) * 2
    b = np.abs((grid.y / (2 * size)) % 1.0 - 0.5) * 2
    surface.height = surface.height * 0.5 + (size * 0.55 * np.maximum(a, b) ** 1.5).astype(np.float32)
    surface.occlusion, surface.fuzz = 0.6, 0.3
    return surface


def ripstop(grid: Grid, design: Design) -> Surface:
    """Fine plain weave with a grid of thick reinforcing threads."""
    warp, weft = _piece(design, 1.0, width=0.95, uneven=0.03, shade=0.02)
    surface = dense(interlace(grid, design, drafts.plain(), warp, weft, crimp=0.35), 0.75)
    n = int(design.rng.choice([8, 10, 12, 14]))
    double = design.chance(0.3)
    ridge = np.zeros_like(grid.x)
    for axis in (grid.x, grid.y):
        t = axis % n
        ridge = np.maximum(ridge, np.maximum(1 - np.abs(t - 1.2) / 0.95, 0))
        if double:
            ridge = np.maximum(ridge, np.maximum(1 - np.abs(t - 3.6) / 0.95, 0))
    surface.height = surface.height * 0.4 + (0.8 * ridge**0.7).astype(np.float32)
    surface.albedo *= (1 + 0.12 * ridge)[..., None].astype(np.float32)
    surface.gloss, surface.polish, surface.fuzz = design.between(0.1, 0.45), 14.0, 0.0
    return surface


def _motif(grid: Grid, design: Design) -> F:
    """Damask figure, 0…1: mirrored curls and leaves of band noise around a medallion, or all-over scrolls."""
    size = design.between(40, 90)
    u, v = grid.x / size, grid.y / size
    style = design.rng.random()
    petals, turns = int(design.rng.choice([6, 8, 10, 12])), design.between(0.7, 1.4)
    k = turns * SIDE / 7
    if style < 0.7:
        v = v + 0.5 * (np.floor(u) % 2)
    a, b = np.abs(u % 1.0 - 0.5), v % 1.0 - 0.5
    scroll = sample(band(design.variant, 10, 22), a * k + design.shift[0], b * k + design.shift[1])
    vine = 0.30 - np.abs(scroll)
    leaf = scroll - 1.15
    radius, angle = np.hypot(a, 0.8 * b), np.arctan2(b, a + 1e-3)
    flower = 3.2 * (0.23 + 0.05 * np.cos(petals * angle) - radius)
    veins = 0.25 - np.abs(np.sin(petals * angle / 2)) * radius * 9
    ogee = 0.06 - np.abs(0.36 + 0.10 * np.cos(2 * np.pi * b) - a)
    if style < 0.7:
        value = np.where(
            radius < 0.30, np.where(veins > 0, -veins * 4, flower), np.maximum(np.maximum(vine, leaf), 3 * ogee)
        )
    else:
        value = np.maximum(vine, leaf)
    return np.clip(value * 9 + 0.5, 0, 1).astype(np.float32)


def jacquard(grid: Grid, design: Design) -> Surface:
    """Brocade and damask: figure in weft satin on a ground of warp satin, often in another colour."""
    ground, figure = design.palette.ground[None], design.palette.second[None]
    if design.chance(0.45):
        figure = np.clip(ground * design.between(1.15, 1.6) + 0.03, 0, 1).astype(np.float32)
    warp = Yarns(ground, (0,), 1.02, 0.02, 0.0, 0.02, 0.0)
    weft = Yarns(figure, (0,), 1.02, 0.02, 0.0, 0.02, 0.0)
    base = interlace(grid, design, drafts.satin(8, 3), warp, weft, crimp=0.35)
    over = interlace(grid, design, drafts.satin(8, 3, weft_faced=True), warp, weft, crimp=0.35)
    mask = _motif(grid, design)
    gold = design.chance(0.3)
    surface = dense(base, 0.8)
    surface.height = base.height * (1 - mask) + (over.height + 0.5) * mask + 0.9 * mask
    surface.albedo = base.albedo * (1 - mask[..., None]) + over.albedo * mask[..., None]
    surface.fibre = np.where(mask > 0.5, np.float32(0.0), np.float32(np.pi / 2))
    surface.gloss = (0.25 + (0.7 if gold else 0.3) * mask).astype(np.float32)
    surface.polish, surface.fuzz, surface.relief = 16.0, 0.0, 0.7
    return surface


def tweed(grid: Grid, design: Design) -> Surface:
    """Coarse woollen twill of mixed shades with bright neps."""
    base = design.palette.ground
    if float(base.mean()) > 0.45:
        base = base * 0.4
    colours = np.clip(np.stack([base, base * 1.9 + 0.02, base * 0.35]), 0, 1).astype(np.float32)
    order_a = tuple(int(k) for k in design.rng.integers(0, 3, 16))
    order_b = tuple(int(k) for k in design.rng.integers(0, 3, 16))
    draft = (drafts.twill(2, 2), drafts.plain(), drafts.herringbone(2, 2, 8))[int(design.rng.integers(3))]
    warp, weft = (
        Yarns(colours, order_a, 0.98, 0.14, 0.12, 0.2, 0.5),
        Yarns(colours, order_b, 0.98, 0.14, 0.12, 0.2, 0.5),
    )
    surface = dense(interlace(grid, design, draft, warp, weft, crimp=0.6), 0.6)
    k = SIDE / 90.0
    sx, sy = design.shift
    distance, _, value = cells(design.variant, 32)
    spot = sample(distance, grid.x * k + sx, grid.y * k + sy)
    which = nearest(value, grid.x * k + sx, grid.y * k + sy)
    edge = 0.30 + 0.10 * nearest(cloud(design.variant, 0.8), grid.x * 9, grid.y * 9)
    nep = ((which > design.between(0.5, 0.75)) & (spot < edge * (0.5 + which * 0.6))).astype(np.float32)
    tint = design.palette.colours.take(1 + (which * 97).astype(np.int32) % 4, axis=0) * 0.8 + 0.12
    surface.albedo = surface.albedo * (1 - 0.85 * nep[..., None]) + (0.85 * nep)[..., None] * tint
    surface.height = surface.height + 0.5 * nep
    surface.fuzz = 0.9
    return melange(surface, grid, design, 0.25)
