"""Knitted classes. One structural unit is one wale (stitch column); courses are 0.75 of it high."""

from __future__ import annotations

import numpy as np

from scripts.render.noise import F, cloud, nearest
from scripts.render.palette import tinted
from scripts.render.surface import Design, Grid, Surface
from scripts.render.weaves import _print

COURSE = 0.75


def _stitches(x: F, y: F, design: Design, pixels: float, loft: float = 0.86) -> tuple[F, F]:
    """Face of plain knit: each wale a column of Vs. Returns (height 0…1, tone around 1)."""
    wale = np.floor(x)
    fx = x - wale - 0.5
    ax = np.abs(fx)
    t = y / COURSE - 1.5 * ax + 0.15 * nearest(cloud(design.variant, 1.2), x * 2, y * 2)
    course = np.floor(t)
    across = (t - course - 0.5) * (2 / loft)
    section = np.sqrt(np.maximum(1 - across * across, 0))
    column = np.sqrt(np.maximum(1 - ((ax - 0.25) / 0.27) ** 2, 0))
    height = section * column
    tone = design.threads(0.05).take(course.astype(np.int32) & 511)
    if pixels > 8:
        ply = np.sin(2 * np.pi * (1.7 * ax * np.sign(fx) * 2 + across * 0.5 + y))
        tone = tone * (1 + 0.07 * min(1.0, (pixels - 8) / 12) * ply)
    return height.astype(np.float32), tone.astype(np.float32)


def _purl(x: F, y: F) -> F:
    """Back of plain knit: rows of interlocking arcs. Height 0…1."""
    bow = 0.22 * np.cos(2 * np.pi * x)
    t = (y / COURSE + bow * np.where(np.floor(y / COURSE) % 2 == 0, 1.0, 1.0)) % 1.0
    return (np.sqrt(np.maximum(1 - ((t - 0.5) / 0.46) ** 2, 0)) * (0.75 + 0.25 * np.cos(2 * np.pi * x))).astype(
        np.float32
    )


def _cloth(height: F, tone: F, colour: F, design: Design) -> Surface:
    shadow = 0.35 + 0.65 * np.sqrt(np.clip(height, 0, 1))
    surface = Surface(height, (colour * (tone * shadow)[..., None]).astype(np.float32))
    surface.fuzz = design.between(0.15, 0.7)
    return surface


def jersey(grid: Grid, design: Design) -> Surface:
    height, tone = _stitches(grid.x, grid.y, design, grid.pixels)
    stripes, period = design.chance(0.2), int(design.rng.choice([8, 12, 20]))
    colour: F = design.palette.ground
    if stripes:
        colour = tinted(design.palette.colours, np.floor(grid.y / COURSE / period) % 2)
    surface = _cloth(height, tone, colour, design)
    return surface if stripes else _print(surface, grid, design, 0.15, 20, 50)


def rib(grid: Grid, design: Design) -> Surface:
    """n × n rib: face wales standing up, reverse wales sunk between them."""
    face = int(design.rng.choice([1, 2, 2, 3]))
    period = 2 * face
    stretch = design.between(0.9, 1.25)
    x = grid.x * stretch
    height, tone = _stitches(x, grid.y, design, grid.pixels)
    phase = (x % period) / period
    bulge = np.clip(np.sin(2 * np.pi * phase) * 1.6, -1, 1)
    sunk = (phase > 0.5).astype(np.float32)
    height = height * (1 - sunk) + 0.5 * _purl(x, grid.y) * sunk
    surface = _cloth(height, tone, design.palette.ground, design)
    surface.height = (surface.height * 0.8 + 0.75 * bulge).astype(np.float32)
    surface.albedo *= (0.62 + 0.38 * (bulge * 0.5 + 0.5))[..., None].astype(np.float32)
    surface.occlusion = 0.55
    return surface


def cable(grid: Grid, design: Design) -> Surface:
    """Two ropes of stitches crossing on a purl ground."""
    width = int(design.rng.choice([4, 6, 6, 8]))
    gap = int(design.rng.choice([3, 4, 6]))
    length = width * design.between(1.3, 1.9)
    period = width + gap
    lane = np.floor(grid.x / period)
    x = grid.x - lane * period - gap / 2
    y = grid.y + lane * design.between(0, 2) * length
    inside = (x > 0) & (x < width)
    height, tone = np.zeros_like(grid.x), np.ones_like(grid.x)
    swing = np.sin(np.pi * y / length)
    rise = np.cos(np.pi * y / length)
    for side in (-1.0, 1.0):
        centre = width / 2 + side * swing * width * 0.25
        offset = (x - centre) / (width * 0.30)
        rope = np.sqrt(np.maximum(1 - offset * offset, 0))
        tilt = x - centre + 0.5
        stitch, shade = _stitches(tilt, grid.y + 0.25 * side * rise * tilt, design, grid.pixels)
        level = np.where(rope > 0, rope * (1.9 + 0.6 * side * rise) + 0.55 * stitch * rope, 0.0)
        above = (level > height) & inside
        height = np.where(above, level, height)
        tone = np.where(above, shade * (0.45 + 0.55 * np.sqrt(np.clip(stitch, 0, 1))) * (0.7 + 0.3 * rope), tone)
    ground = _purl(grid.x, grid.y)
    covered = height > 0.05
    tone = np.where(covered, tone, 0.5 + 0.35 * ground)
    surface = Surface(
        np.where(covered, height, 0.45 * ground).astype(np.float32),
        (design.palette.ground * tone[..., None]).astype(np.float32),
    )
    surface.fuzz, surface.occlusion = design.between(0.3, 0.9), 0.5
    return surface


def pique(grid: Grid, design: Design) -> Surface:
    """Tuck stitches: a small quilted honeycomb, as polo shirts have it."""
    u, v = grid.x, grid.y / 0.9
    a = np.cos(np.pi * (u + v)) * np.cos(np.pi * (u - v))
    hollow = np.clip(0.5 - 0.75 * a, 0, 1)
    stitch = np.abs(np.sin(2 * np.pi * (v + 0.35 * np.abs((u % 1.0) - 0.5))))
    height = 0.75 * hollow + 0.2 * stitch
    tone = design.threads(0.03).take(np.floor(v).astype(np.int32) & 511)
    surface = _cloth(height.astype(np.float32), tone, design.palette.ground, design)
    return surface


def crochet(grid: Grid, design: Design) -> Surface:
    """Rows of shells of thick yarn: posts fanning out of one stitch, holes between; one unit is one shell."""
    shift = 0.5 * (np.floor(grid.y) % 2)
    u, v = (grid.x + shift) % 1.0 - 0.5, grid.y % 1.0
    posts = int(design.rng.choice([3, 4, 5]))
    angle = np.arctan2(u, v + 0.16)
    radius = np.hypot(u, v + 0.16)
    fan = angle / 0.62 * (posts / 2)
    post = (
        np.sqrt(np.maximum(1 - ((fan - np.floor(fan) - 0.5) / 0.40) ** 2, 0)) * (np.abs(angle) < 0.62) * (radius > 0.14)
    )
    ply = 0.5 + 0.5 * np.sin(2 * np.pi * (radius * 9 + fan))
    arch = np.sqrt(np.maximum(1 - ((radius - 1.04) / 0.13) ** 2, 0))
    beads = 0.6 + 0.4 * np.abs(np.sin(angle * 9))
    base = np.sqrt(np.maximum(1 - ((v - 0.04) / 0.10) ** 2, 0)) * (0.6 + 0.4 * np.abs(np.sin(np.pi * 4 * grid.x)))
    height = np.maximum(np.maximum(post * (0.8 + 0.1 * ply) * (radius < 1.08), arch * beads), base)
    tone = 0.5 + 0.35 * height + 0.15 * ply
    colours = design.palette.colours
    striped = design.chance(0.35)
    row = np.floor(grid.y) % (len(colours) if striped else 1)
    surface = Surface((height * 0.28).astype(np.float32), tinted(colours, row) * tone[..., None].astype(np.float32))
    surface.alpha = np.clip((height - 0.18) * 9, 0, 1).astype(np.float32)
    surface.fuzz, surface.relief = design.between(0.2, 0.6), 1.2
    return surface
