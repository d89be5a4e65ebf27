"""Cloth from yarns up: a draft, two thread systems, their thickness, twist and colours → height field and albedo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.render.drafts import Draft
from scripts.render.noise import SIDE, F, cloud, nearest, sample
from scripts.render.palette import tinted
from scripts.render.surface import Design, Grid, Surface


@dataclass(slots=True)
class Yarns:
    """One thread system. Widths are fractions of the thread pitch."""

    #: Colour of thread k is colours[order[k % len(order)]].
    colours: F
    order: tuple[int, ...] = (0,)
    width: float = 0.92
    #: Spread of thickness from thread to thread, and along a thread (slubs).
    uneven: float = 0.04
    slub: float = 0.0
    #: Spread of shade from thread to thread (melange, uneven dye).
    shade: float = 0.04
    twist: float = 1.0


def _along(draft: Draft, across: F, along: F) -> F:
    """Height of a thread over its crossings, -1…1, gliding between neighbouring ones: draft[along, across]."""
    signs = np.where(draft, 1.0, -1.0).astype(np.float32)
    length, width = signs.shape
    flat = signs.ravel()
    base = np.floor(along - 0.5)
    t = along - 0.5 - base
    t = t * t * (3 - 2 * t)
    row, column = base.astype(np.int32), np.floor(across).astype(np.int32) % width
    here = flat.take((row % length) * width + column)
    return here + t * (flat.take(((row + 1) % length) * width + column) - here)


def interlace(grid: Grid, design: Design, draft: Draft, warp: Yarns, weft: Yarns, *, crimp: float = 0.5) -> Surface:
    """The woven surface; one structural unit is one thread pitch in both directions.

    Two ellipse-section tubes a crossing, the higher one seen; `crimp` is how far threads rise and sink.
    """
    x, y = grid.x, grid.y
    slope = cloud(design.variant, 1.2)
    sx, sy = design.shift
    slow = 0.25 * nearest(slope, x * 0.5 + sx, y * 0.5 + sy)
    x, y = x + 0.25 * slow, y - 0.25 * slow
    sides: list[tuple[F, F, NDArray[np.int32]]] = []
    for yarn, across, along, rule, sign in ((warp, x, y, draft, 1.0), (weft, y, x, draft.T, -1.0)):
        number = np.floor(across)
        index = number.astype(np.int32) & 511
        thick = design.threads(yarn.uneven).take(index)
        if yarn.slub:
            slubs = cloud(design.variant + 1, 1.3)
            thick += yarn.slub * np.maximum(nearest(slubs, along * 1.5 + sx, number * 37.0), -0.6)
        reach = (across - number - 0.5) * (2 / yarn.width) / thick
        section = np.sqrt(np.maximum(1 - reach * reach, 0))
        rise = sign * _along(rule, across, along)
        height = crimp * 0.5 * rise + 0.5 * section * thick
        height = np.where(section > 0, height, -1.0)
        tone = design.threads(yarn.shade).take(index)
        if grid.pixels > 4 and yarn.twist:
            ply = np.sin((along * 2.2 * yarn.twist + reach * 0.45) * (2 * np.pi))
            strength = min(1.0, (grid.pixels - 4) / 10)
            tone = tone * (1 + 0.10 * strength * ply)
            height = height + 0.025 * strength * ply * section
        order = np.asarray(yarn.order, np.int32)
        colour = order.take(number.astype(np.int32) % len(order))
        sides.append((height.astype(np.float32), tone.astype(np.float32), colour))
    (top, tone_a, a), (low, tone_b, b) = sides
    warp_up = top >= low
    height = np.maximum(top, low)
    tone = np.where(warp_up, tone_a, tone_b)
    colours = np.concatenate([warp.colours, weft.colours])
    albedo = tinted(colours, np.where(warp_up, a, b + len(warp.colours))) * tone[..., None]
    gap = height < -0.5
    height = np.where(gap, -0.45, height)
    surface = Surface(height, albedo.astype(np.float32))
    surface.alpha = np.where(gap, 0.0, 1.0).astype(np.float32)
    surface.fibre = np.where(warp_up, np.float32(np.pi / 2), np.float32(0.0))
    return surface


def dense(surface: Surface, floor: float = 0.35) -> Surface:
    """Closes the gaps: between the yarns of a dense cloth lies its own shadow, not what is behind it."""
    if surface.alpha is not None:
        surface.albedo *= (floor + (1 - floor) * surface.alpha)[..., None]
        surface.alpha = None
    return surface


def melange(surface: Surface, grid: Grid, design: Design, strength: float) -> Surface:
    """Speckle of mixed fibres along both directions."""
    grain = nearest(cloud(design.variant + 2, 0.5), grid.x * 5.3, grid.y * 5.3)
    surface.albedo *= np.clip(1 + strength * grain, 0.3, 1.9)[..., None].astype(np.float32)
    return surface


def texel(units: float) -> float:
    """Texels a structural unit so that a tile spans `units` of them."""
    return SIDE / units


def soften(grid: Grid, design: Design, units: float, x: F | None = None, y: F | None = None) -> F:
    """A slow cloud over the cloth, mean 0, deviation 1, one tile every `units`."""
    k = texel(units)
    return sample(cloud(design.variant, 2.0), (grid.x if x is None else x) * k, (grid.y if y is None else y) * k)
