"""Woven classes whose name is their draft or yarn: plain to crepe. Each: (grid, design) → Surface."""

from __future__ import annotations

import numpy as np

from scripts.render import drafts, palette
from scripts.render.noise import F
from scripts.render.surface import Design, Grid, Surface
from scripts.render.woven import Yarns, dense, interlace, melange, soften

WHITE = np.array([[0.86, 0.85, 0.82]], np.float32)


def _one(design: Design, **more: float) -> tuple[Yarns, Yarns]:
    """Piece-dyed: both systems in the ground colour, the weft a shade off."""
    ground = design.palette.ground[None]
    off = np.clip(ground * design.between(0.88, 1.12), 0, 1)
    return Yarns(ground, **more), Yarns(off.astype(np.float32), **more)  # type: ignore[arg-type]


def _print(surface: Surface, grid: Grid, design: Design, probability: float, low: float, high: float) -> Surface:
    """Lays a print over a piece-dyed cloth for a share of the designs; the yarn's shading stays."""
    kind = str(design.rng.choice(palette.PRINTS))
    size, used = design.between(low, high), design.chance(probability)
    if used:
        tone = surface.albedo.mean(-1, keepdims=True) / max(float(design.palette.ground.mean()), 0.02)
        surface.albedo = palette.printed(kind, grid.x, grid.y, design.palette, design.variant, size) * np.minimum(
            tone, 1.4
        )
        surface.notes["print"] = kind
    return surface


def plain(grid: Grid, design: Design) -> Surface:
    warp, weft = _one(design, width=design.between(0.86, 1.0), uneven=0.05, shade=0.03)
    surface = dense(interlace(grid, design, drafts.plain(), warp, weft, crimp=0.55))
    return _print(surface, grid, design, 0.3, 14, 40)


def basket(grid: Grid, design: Design) -> Surface:
    n = int(design.rng.choice([2, 2, 3, 4]))
    warp, weft = _one(design, width=0.97, uneven=0.05, shade=0.04)
    if design.chance(0.4):
        weft.colours = design.palette.second[None]
    surface = dense(interlace(grid, design, drafts.basket(n, n), warp, weft, crimp=0.7))
    return surface


def twill(grid: Grid, design: Design) -> Surface:
    over, under = ((2, 2), (2, 1))[int(design.rng.integers(2))]
    warp, weft = _one(design, width=0.98, uneven=0.03, shade=0.03)
    lighter = design.between(0.15, 0.6)
    weft.colours = np.clip((1 - lighter) * weft.colours + lighter * WHITE, 0, 1).astype(np.float32)
    left = design.chance(0.3)
    surface = dense(interlace(grid, design, drafts.twill(over, under, left=left), warp, weft, crimp=0.8))
    line = (grid.x - grid.y if not left else grid.x + grid.y) / (over + under)
    surface.height += (0.3 * np.cos(2 * np.pi * line)).astype(np.float32)
    surface.gloss = 0.08
    return surface


def gabardine(grid: Grid, design: Design) -> Surface:
    """3/1 warp-faced, twice as many ends as picks: a steep, raised line."""
    steep = Grid(grid.x * 1.5, grid.y * 0.75, grid.pixels)
    warp, weft = _one(design, width=1.02, uneven=0.02, shade=0.015)
    surface = dense(interlace(steep, design, drafts.twill(3, 1), warp, weft, crimp=0.6), 0.6)
    line = (steep.x - steep.y) / 4.0
    surface.height = surface.height * 0.4 + 0.5 * np.abs(np.sin(np.pi * line)).astype(np.float32)
    surface.gloss, surface.occlusion = 0.10, 0.4
    return surface


def herringbone(grid: Grid, design: Design) -> Surface:
    warp, weft = _one(design, width=0.98, uneven=0.05, shade=0.05)
    weft.colours = design.palette.second[None] if design.chance(0.6) else np.clip(warp.colours * 0.45, 0, 1)
    width = int(design.rng.choice([8, 10, 12, 16]))
    surface = dense(interlace(grid, design, drafts.herringbone(2, 2, width), warp, weft, crimp=0.65))
    surface.fuzz = 0.4
    return melange(surface, grid, design, 0.08)


def houndstooth(grid: Grid, design: Design) -> Surface:
    """2/2 twill, four dark and four light threads in both systems."""
    pair = _contrast(design)
    order = (0,) * 4 + (1,) * 4
    yarns = Yarns(pair, order, 0.98, 0.04, 0.0, 0.03)
    surface = dense(interlace(grid, design, drafts.twill(2, 2), yarns, yarns, crimp=0.6), 0.6)
    surface.fuzz = 0.3
    return surface


def _contrast(design: Design) -> F:
    """A light and a dark colour: white or ecru with a shade of the palette, now and then two shades."""
    dark = design.palette.ground
    if float(dark.mean()) > 0.35:
        dark = dark * 0.12
    light = WHITE[0] if design.chance(0.75) else np.clip(design.palette.light * 0.6 + 0.35, 0, 1)
    return np.stack([dark, light]).astype(np.float32)


def gingham(grid: Grid, design: Design) -> Surface:
    pair = _contrast(design)
    pair[0] = np.clip(pair[0] + 0.05, 0, 1)
    n = int(design.rng.choice([8, 10, 12, 16, 20]))
    yarns = Yarns(pair, (0,) * n + (1,) * n, 0.95, 0.05, 0.0, 0.03)
    surface = dense(interlace(grid, design, drafts.plain(), yarns, yarns, crimp=0.5), 0.6)
    return surface


def tartan(grid: Grid, design: Design) -> Surface:
    """A mirrored sett of three to five colours in 2/2 twill."""
    colours = design.palette.colours
    half: list[int] = []
    for colour in design.rng.permutation(len(colours))[: int(design.rng.integers(3, 6))]:
        half += [int(colour)] * int(design.rng.choice([2, 4, 8, 14, 20]))
    order = tuple(half + half[::-1])
    yarns = Yarns(colours, order, 0.98, 0.04, 0.0, 0.04)
    surface = dense(interlace(grid, design, drafts.twill(2, 2), yarns, yarns, crimp=0.5), 0.6)
    surface.fuzz = 0.25
    return surface


def satin(grid: Grid, design: Design) -> Surface:
    size, step = ((5, 2), (8, 3))[int(design.rng.integers(2))]
    warp, weft = _one(design, width=1.04, uneven=0.015, shade=0.012, twist=0.0)
    fine = Grid(grid.x * 1.6, grid.y, grid.pixels / 1.6)
    surface = dense(interlace(fine, design, drafts.satin(size, step), warp, weft, crimp=0.25), 0.85)
    surface.gloss, surface.polish = design.between(0.5, 0.9), 22.0
    surface.relief, surface.occlusion, surface.fuzz = 0.35, 0.2, 0.0
    surface.fibre = np.full_like(surface.height, np.pi / 2)
    return _print(surface, grid, design, 0.12, 25, 60)


def denim(grid: Grid, design: Design) -> Surface:
    """Indigo warp, white weft, 3/1, slubs and washing-down on the high places."""
    wash = design.between(0.0, 1.0)
    indigo = np.array([0.010, 0.025, 0.085], np.float32) * (1 - wash) + np.array([0.13, 0.24, 0.42], np.float32) * wash
    if design.chance(0.12):
        indigo = np.full(3, 0.012 + 0.05 * wash, np.float32)
    warp = Yarns(indigo[None], (0,), 0.96, 0.06, 0.14, 0.16)
    weft = Yarns(WHITE * 0.85, (0,), 0.9, 0.06, 0.12, 0.05)
    surface = dense(interlace(grid, design, drafts.twill(3, 1, left=design.chance(0.25)), warp, weft, crimp=0.7), 0.5)
    fade = soften(grid, design, 160)
    surface.albedo = np.clip(
        surface.albedo * (1 + 0.10 * fade[..., None]) + 0.02 * np.maximum(fade, 0)[..., None], 0, 1
    )
    surface.fuzz = 0.25
    return melange(surface, grid, design, 0.14)


def canvas(grid: Grid, design: Design) -> Surface:
    warp, weft = _one(design, width=0.98, uneven=0.09, slub=0.04, shade=0.05, twist=0.6)
    surface = dense(interlace(grid, design, drafts.plain(), warp, weft, crimp=0.9))
    surface.relief = 1.3
    return melange(surface, grid, design, 0.05)


def linen(grid: Grid, design: Design) -> Surface:
    warp, weft = _one(design, width=0.84, uneven=0.16, slub=0.26, shade=0.13, twist=0.4)
    surface = dense(interlace(grid, design, drafts.plain(), warp, weft, crimp=0.45), 0.3)
    return melange(surface, grid, design, 0.08)


def burlap(grid: Grid, design: Design) -> Surface:
    """Jute: coarse, hairy, open plain weave."""
    warp, weft = _one(design, width=design.between(0.60, 0.74), uneven=0.16, slub=0.18, shade=0.16, twist=0.5)
    surface = interlace(grid, design, drafts.plain(), warp, weft, crimp=0.7)
    surface.fuzz = 0.9
    return melange(surface, grid, design, 0.22)


def oxford(grid: Grid, design: Design) -> Surface:
    """Two coloured ends as one over a thicker white pick."""
    warp = Yarns(design.palette.ground[None], (0,), 0.93, 0.05, 0.0, 0.06)
    weft = Yarns(WHITE, (0,), 0.99, 0.05, 0.0, 0.02)
    pressed = Grid(grid.x * 1.5, grid.y * 0.8, grid.pixels)
    surface = dense(interlace(pressed, design, drafts.basket(2, 1), warp, weft, crimp=0.6))
    return surface


def chambray(grid: Grid, design: Design) -> Surface:
    warp = Yarns(design.palette.ground[None], (0,), 0.92, 0.08, 0.05, 0.14)
    weft = Yarns(WHITE, (0,), 0.92, 0.08, 0.05, 0.04)
    surface = dense(interlace(grid, design, drafts.plain(), warp, weft, crimp=0.5))
    return melange(surface, grid, design, 0.06)


def seersucker(grid: Grid, design: Design) -> Surface:
    """Slack and tight warp stripes in turn: the slack ones pucker."""
    pair = _contrast(design)
    n = int(design.rng.choice([8, 10, 14]))
    coloured = design.chance(0.75)
    warp = Yarns(pair if coloured else pair[[1, 1]], (0,) * n + (1,) * n, 0.95, 0.05, 0.0, 0.03)
    weft = Yarns(pair[1:], (0,), 0.95, 0.05, 0.0, 0.03)
    surface = dense(interlace(grid, design, drafts.plain(), warp, weft, crimp=0.4), 0.6)
    stripe = 0.5 - 0.5 * np.cos((grid.x / n - 0.5) * np.pi)
    pucker = soften(grid, design, 150, grid.x * 0.7, grid.y * 4.0)
    surface.height = surface.height * 0.6 + (2.6 * stripe * stripe * pucker).astype(np.float32)
    surface.occlusion = 0.35
    return surface


def ottoman(grid: Grid, design: Design) -> Surface:
    """Warp rib: cords across, wrapped by dense fine ends."""
    cord = Grid(grid.x * 1.6, grid.y, grid.pixels)
    warp, weft = _one(design, width=1.05, uneven=0.03, shade=0.02, twist=0.0)
    surface = dense(interlace(cord, design, drafts.plain(), warp, weft, crimp=0.2), 0.9)
    ridge = np.sqrt(np.maximum(1 - (2 * (grid.y / 2.0 - np.floor(grid.y / 2.0)) - 1) ** 2, 0.0))
    surface.height = (surface.height * 0.5 + 1.0 * ridge).astype(np.float32)
    surface.gloss, surface.polish = design.between(0.35, 0.7), 16.0
    return surface


def crepe(grid: Grid, design: Design) -> Surface:
    warp, weft = _one(design, width=0.95, uneven=0.05, shade=0.02, twist=0.0)
    surface = dense(interlace(grid, design, drafts.crepe(design.rng), warp, weft, crimp=0.7), 0.7)
    surface.height = surface.height * 0.6 + (1.1 * soften(grid, design, 40)).astype(np.float32)
    surface.gloss = 0.12
    return _print(surface, grid, design, 0.2, 25, 60)
