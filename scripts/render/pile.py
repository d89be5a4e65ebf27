"""Pile and napped classes: fibres that stand or lie on a ground cloth. One unit is a tuft, wale or loop."""

from __future__ import annotations

import numpy as np

from scripts.render.noise import SIDE, F, band, cells, cloud, loops, nearest, sample
from scripts.render.surface import Design, Grid, Surface


def _shaded(height: F, low: float, colour: F) -> F:
    tone = low + (1 - low) * np.clip(height, 0, 1)
    return (colour * tone[..., None]).astype(np.float32)


def corduroy(grid: Grid, design: Design) -> Surface:
    """Cut pile in wales along the warp; one unit is one wale."""
    wobble = 0.05 * sample(cloud(design.variant, 1.8), grid.x * 6, grid.y * 6)
    fx = np.abs((grid.x + wobble) % 1.0 - 0.5) * 2
    width = design.between(0.72, 0.92)
    wale = np.sqrt(np.maximum(1 - (fx / width) ** 2, 0))
    tuft = nearest(band(design.variant, 60, 200, 0.6), grid.x * 70, grid.y * 45)
    edge = sample(band(design.variant + 1, 40, 120), grid.x * 40, grid.y * 40)
    wale = np.clip(wale + 0.10 * edge * (1 - wale), 0, 1.1)
    height = 0.5 * wale + 0.05 * tuft * wale
    tone = (0.18 + 0.82 * wale**1.5) * (1 + 0.16 * tuft)
    surface = Surface(height.astype(np.float32), (design.palette.ground * tone[..., None]).astype(np.float32))
    surface.sheen, surface.fuzz, surface.occlusion = 0.4, 0.4, 0.3
    return surface


def velvet(grid: Grid, design: Design) -> Surface:
    """Dense upright pile: dark facing, bright on slopes that turn away, crushed in patches."""
    k = SIDE / 60
    crush = sample(cloud(design.variant, 2.0), grid.x * k + design.shift[0], grid.y * k + design.shift[1])
    grain = nearest(band(design.variant, 120, 240), grid.x * 50, grid.y * 50)
    amount = design.between(0.35, 1.1)
    height = 0.9 * amount * crush + 0.02 * grain
    tone = 0.55 * (1 + 0.10 * grain + 0.22 * amount * crush)
    surface = Surface(height.astype(np.float32), (design.palette.ground * tone[..., None]).astype(np.float32))
    surface.sheen, surface.fuzz, surface.occlusion = design.between(1.3, 2.0), 0.2, 0.0
    return surface


def terry(grid: Grid, design: Design) -> Surface:
    """Uncut loops of towelling."""
    k = SIDE / 28
    tile = loops(design.variant, 6000, 8.0, 3.6, 4.2)
    height = sample(tile, grid.x * k + design.shift[0], grid.y * k * design.between(0.8, 1.2) + design.shift[1])
    row = 0.12 * np.sin(2 * np.pi * grid.y * 0.9)
    surface = Surface(
        (0.55 * height + 0.3 * row * height).astype(np.float32), _shaded(height, 0.28, design.palette.ground)
    )
    surface.fuzz, surface.occlusion = 0.5, 0.5
    return surface


def sherpa(grid: Grid, design: Design) -> Surface:
    """Curly lamb-like pile: knobs of coiled fibre."""
    k = SIDE / 16
    x, y = grid.x * k + design.shift[0], grid.y * k + design.shift[1]
    distance, _, _ = cells(design.variant, 16, 0.5)
    knob = 1 - np.clip(sample(distance, x, y), 0, 0.85) ** 1.5
    curl = sample(loops(design.variant, 1800, 7.0, 2.6, 5.5), x * 1.2, y * 1.2)
    height = 0.6 * knob + 0.25 * curl
    tone = 0.35 + 0.4 * knob + 0.3 * curl
    surface = Surface(
        (height * 0.9).astype(np.float32), (design.palette.ground * np.clip(tone, 0, 1.1)[..., None]).astype(np.float32)
    )
    surface.fuzz, surface.occlusion, surface.sheen = 0.8, 0.4, 0.2
    return surface


def fleece(grid: Grid, design: Design) -> Surface:
    """Polar fleece: short matted nap with soft pills."""
    k = SIDE / 26
    x, y = grid.x * k + design.shift[0], grid.y * k + design.shift[1]
    pill = sample(band(design.variant, 20, 44), x, y)
    fibre = nearest(band(design.variant + 3, 90, 250), x * 2.1, y * 2.1)
    height = design.between(0.06, 0.18) * pill + 0.04 * fibre
    tone = 0.80 + 0.08 * pill + 0.09 * fibre
    surface = Surface(
        height.astype(np.float32), (design.palette.ground * np.clip(tone, 0.3, 1.2)[..., None]).astype(np.float32)
    )
    surface.fuzz, surface.occlusion, surface.sheen = 0.8, 0.25, 0.35
    return surface


def fur(grid: Grid, design: Design) -> Surface:
    """Long combed fibres lying over one another."""
    k = SIDE / 14
    flow = cloud(design.variant, 2.2)
    sway = design.between(14, 40)
    bend = sway * sample(flow, grid.x * k * 0.5, grid.y * k * 0.35)
    x, y = grid.x * k + bend + design.shift[0], grid.y * k + design.shift[1]
    hair = 0.6 * sample(band(design.variant, 40, 110, 0.07), x, y) + 0.5 * sample(
        band(design.variant + 1, 80, 200, 0.05), x + 0.3 * y, y
    )
    lock = sample(band(design.variant, 8, 26, 0.3), x, y)
    tone = 0.62 + 0.22 * hair + 0.16 * lock
    hair = 0.5 + 0.25 * hair
    tip = np.clip(design.palette.ground * 1.5 + 0.05, 0, 1) if design.chance(0.4) else design.palette.ground
    albedo = design.palette.ground + (tip - design.palette.ground) * np.clip(lock, 0, 1)[..., None]
    surface = Surface(
        (0.3 * hair + 0.2 * lock).astype(np.float32), (albedo * np.clip(tone, 0, 1.3)[..., None]).astype(np.float32)
    )
    surface.gloss, surface.polish, surface.fibre = design.between(0.1, 0.4), 14.0, np.full_like(grid.x, np.pi / 2)
    surface.fuzz, surface.occlusion = 0.5, 0.3
    return surface


def chenille(grid: Grid, design: Design) -> Surface:
    """Fat tufted yarns side by side, bristles across them; one unit is one yarn."""
    number = np.floor(grid.y)
    fy = grid.y - number - 0.5
    k = SIDE / 12
    wobble = 0.06 * sample(cloud(design.variant, 1.8), grid.x * k * 0.5, number * 91.0)
    section = np.sqrt(np.maximum(1 - ((fy + wobble) / 0.5) ** 2, 0))
    bristle = sample(band(design.variant, 20, 70, 0.5), grid.x * k * 1.4 + number * 57, grid.y * k * 1.4)
    section = np.clip(section + 0.22 * bristle * (1.2 - section), 0, 1.2)
    tone = (0.30 + 0.70 * section) * (1 + 0.20 * bristle) * design.threads(0.08).take(number.astype(np.int32) & 511)
    pair = design.palette.colours[:2] if design.chance(0.35) else design.palette.colours[[0, 0]]
    colour = pair.take(number.astype(np.int32) % 2, axis=0)
    surface = Surface(
        (0.55 * section + 0.10 * bristle).astype(np.float32), (colour * tone[..., None]).astype(np.float32)
    )
    surface.sheen, surface.fuzz, surface.occlusion = 0.5, 0.6, 0.4
    return surface
