"""Sheer and openwork classes: what lies behind shows through. One unit is a hole or a thread of the class."""

from __future__ import annotations

import numpy as np

from scripts.render import drafts
from scripts.render.noise import SIDE, F, band, cells, cloud, nearest, sample
from scripts.render.surface import Design, Grid, Surface
from scripts.render.woven import Yarns, interlace


def _hexagon(x: F, y: F) -> F:
    """Distance to the nearest edge of a hexagon lattice of pitch 1: 0 on the edge, 0.5 in the middle."""
    root = np.float32(np.sqrt(3.0))
    ax, ay = x - np.floor(x + 0.5), y - root * np.floor(y / root + 0.5)
    bx = x + 0.5 - np.floor(x + 1.0)
    by = y + root / 2 - root * np.floor(y / root + 1.0)
    nearer = ax * ax + ay * ay < bx * bx + by * by
    px, py = np.abs(np.where(nearer, ax, bx)), np.abs(np.where(nearer, ay, by))
    return (0.5 - np.maximum(px, 0.5 * px + root / 2 * py)).astype(np.float32)


def _solid(height: F, cover: F, colour: F, tone: F | float = 1.0) -> Surface:
    shade = np.broadcast_to(np.asarray(tone, np.float32), height.shape)
    surface = Surface(height.astype(np.float32), (colour * shade[..., None]).astype(np.float32))
    surface.alpha = cover.astype(np.float32)
    return surface


def tulle(grid: Grid, design: Design) -> Surface:
    """Hexagonal net of fine threads; one unit is one hole."""
    wobble = 0.05 * sample(cloud(design.variant, 1.8), grid.x * 9, grid.y * 9)
    edge = _hexagon(grid.x + wobble, grid.y * 0.92 - wobble)
    thread = design.between(0.05, 0.09)
    sharp = max(grid.pixels, 2.0)
    cover = np.clip((thread - edge) * sharp + 0.5, 0, 1)
    layer = design.chance(0.35)
    if layer:
        second = _hexagon(grid.x * 0.97 + 0.3 + 0.2 * grid.y, grid.y * 0.9 - 0.2 * grid.x)
        cover = np.maximum(cover, 0.55 * np.clip((thread - second) * sharp + 0.5, 0, 1))
    surface = _solid(0.1 * cover, cover * 0.9 + 0.05, design.palette.ground)
    surface.occlusion = 0.0
    return surface


def mesh(grid: Grid, design: Design) -> Surface:
    """Sports mesh: a stable knit with round or hexagonal holes; one unit is one hole."""
    kind = design.rng.random()
    size = design.between(0.22, 0.32)
    if kind < 0.6:
        depth = _hexagon(grid.x, grid.y) - (0.5 - size)
    else:
        row = np.floor(grid.y / 0.9)
        u = (grid.x + 0.5 * (row % 2)) % 1.0 - 0.5
        v = (grid.y / 0.9) % 1.0 - 0.5
        depth = size - np.hypot(u, v * 0.9)
    cover = 1 - np.clip(depth * max(grid.pixels, 2.0) + 0.5, 0, 1)
    stitch = 0.5 + 0.5 * np.sin(2 * np.pi * (grid.y * 5 + 1.2 * np.abs((grid.x * 5) % 1.0 - 0.5)))
    rim = np.clip(1 - np.abs(depth) * 9, 0, 1)
    height = 0.2 * cover * (0.6 + 0.3 * stitch + 0.4 * rim)
    surface = _solid(height, cover, design.palette.ground, 0.7 + 0.2 * stitch + 0.1 * rim)
    surface.gloss = design.between(0.05, 0.25)
    return surface


def lace(grid: Grid, design: Design) -> Surface:
    """Flowers and scallops of dense stitches, outlined, on a net ground; one unit is one net hole."""
    size = design.between(9, 16)
    u, v = grid.x / size, grid.y / size
    row = np.floor(v)
    cu, cv = (u + 0.5 * (row % 2)) % 1.0 - 0.5, v % 1.0 - 0.5
    angle, radius = np.arctan2(cv, cu), np.hypot(cu, cv)
    petals = int(design.rng.choice([5, 6, 8]))
    flower = 0.30 + 0.10 * np.cos(petals * angle) - radius
    ring = 0.022 - np.abs(radius - 0.13)
    curl = sample(band(design.variant, 14, 26), u * SIDE / 7, v * SIDE / 7)
    stem = 0.05 - 0.06 * np.abs(curl)
    leaf = 0.06 * (curl - 0.95)
    figure = np.maximum(np.maximum(flower, leaf), np.where(radius > 0.33, stem, -1.0))
    sharp = max(grid.pixels, 2.0) * size * 0.5
    inner = np.clip(figure * sharp + 0.5, 0, 1) * (1 - np.clip(ring * sharp + 0.5, 0, 1))
    outline = np.clip(1 - np.abs(figure) * 40, 0, 1)
    net = np.clip((0.075 - _hexagon(grid.x * 1.3, grid.y * 1.3)) * max(grid.pixels, 2.0) + 0.5, 0, 1)
    thread = 0.5 + 0.5 * np.sin(2 * np.pi * (grid.x * 2 + grid.y))
    cover = np.maximum(np.maximum(inner * (0.80 + 0.2 * thread), outline), 0.85 * net)
    height = 0.25 * inner + 0.45 * outline + 0.1 * net + 0.06 * thread * inner
    surface = _solid(height, cover, design.palette.ground, 0.8 + 0.2 * np.maximum(outline, thread))
    return surface


def eyelet(grid: Grid, design: Design) -> Surface:
    """Broderie anglaise: holes with satin-stitched rims, leaves around a centre; one unit is one motif."""
    row = np.floor(grid.y)
    u, v = (grid.x + 0.5 * (row % 2)) % 1.0 - 0.5, grid.y % 1.0 - 0.5
    angle, radius = np.arctan2(v, u), np.hypot(u, v)
    count = int(design.rng.choice([4, 5, 6, 8]))
    turn = (angle * count / (2 * np.pi)) % 1.0 - 0.5
    along, aside = radius - 0.25, turn * radius * (2 * np.pi / count)
    leaf = 1 - np.hypot(along / 0.105, aside / 0.055)
    centre = (0.075 - radius) / 0.075
    hole = np.maximum(leaf * 0.8, centre)
    rim = np.clip(1 - np.abs(hole + 0.32) / 0.34, 0, 1)
    stitches = 0.75 + 0.25 * np.sin(angle * 46 + radius * 120)
    open_ = np.clip(hole * max(grid.pixels, 8.0) * 0.09 + 0.5, 0, 1)
    weave = np.sin(2 * np.pi * 28 * grid.x) * np.sin(2 * np.pi * 28 * grid.y)
    height = 0.055 * np.sqrt(rim) * stitches + 0.003 * weave
    surface = _solid(height, 1 - open_, design.palette.ground, 0.85 + 0.1 * rim * stitches + 0.05 * weave * (1 - rim))
    surface.relief = 1.2
    return surface


def chiffon(grid: Grid, design: Design) -> Surface:
    """Sheer plain weave of hard-twisted fine yarns over whatever lies below."""
    width = design.between(0.42, 0.6)
    ground = design.palette.ground[None]
    yarns = Yarns(ground, (0,), width, 0.06, 0.0, 0.04, 0.0)
    surface = interlace(grid, design, drafts.plain(), yarns, yarns, crimp=0.3)
    assert surface.alpha is not None
    veil = design.between(0.10, 0.30)
    surface.alpha = veil + (1 - veil) * 0.75 * surface.alpha
    surface.albedo = np.maximum(surface.albedo, 0.75 * ground[0])
    surface.gloss, surface.polish, surface.occlusion = 0.2, 18.0, 0.0
    surface.relief = 0.5
    return surface


def gauze(grid: Grid, design: Design) -> Surface:
    """Muslin and cheesecloth: loose, crinkled open plain weave."""
    k = SIDE / 70
    crinkle = sample(cloud(design.variant, 1.9, 0.35), grid.x * k, grid.y * k)
    bent = Grid(grid.x + 0.9 * crinkle, grid.y + 0.5 * crinkle, grid.pixels)
    yarn = Yarns(design.palette.ground[None], (0,), design.between(0.42, 0.55), 0.22, 0.12, 0.06, 0.4)
    surface = interlace(bent, design, drafts.plain(), yarn, yarn, crimp=0.4)
    surface.height = surface.height * 0.6 + (1.3 * crinkle).astype(np.float32)
    surface.fuzz = 0.5
    grain = nearest(cells(design.variant, 32)[2], grid.x * 3, grid.y * 3)
    surface.albedo *= (0.92 + 0.12 * grain)[..., None].astype(np.float32)
    return surface
