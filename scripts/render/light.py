"""From a surface and a scene to linear light: normals, a side light, highlight, sheen, and what shows through holes.

Lambert and Blinn (1977) terms; across fibres the highlight is Kajiya and Kay's (1989).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from scripts.render.noise import F, cloud, sample
from scripts.render.palette import shade
from scripts.render.surface import Surface
from scripts.render.view import Scene, View


def _slopes(height: F, scene: Scene, relief: float) -> tuple[F, F]:
    """Height differences a pixel times pixels a unit; faded where the structure is finer than the pixels."""
    strength = relief * scene.grid.pixels * min(1.0, scene.grid.pixels / 4)
    sx, sy = np.empty_like(height), np.empty_like(height)
    sx[:, 1:-1], sy[1:-1] = height[:, 2:] - height[:, :-2], height[2:] - height[:-2]
    sx[:, 0], sx[:, -1], sy[0], sy[-1] = 0, 0, 0, 0
    limit = 2.5
    return np.clip(sx * (0.5 * strength), -limit, limit), np.clip(sy * (0.5 * strength), -limit, limit)


def _behind(view: View, shape: tuple[int, int]) -> F:
    """What lies below an open cloth: a plain colour, a table, skin, or its own shadow. [h, w, 3]."""
    rng = view.rng
    name = str(rng.choice(["white", "grey", "black", "beige", "brown", "pink", "blue", "white", "black"]))
    base = shade(rng, name)
    noise = cloud(int(rng.integers(6)), 2.0)
    axis_y, axis_x = np.arange(shape[0], dtype=np.float32), np.arange(shape[1], dtype=np.float32)
    xx, yy = np.meshgrid(axis_x, axis_y)
    other = shade(rng, "grey") if rng.random() < 0.5 else base
    table = xx * np.cos(noise[0, 0]) + yy > rng.uniform(0.3, 1.4) * shape[0]
    base = np.where(table[..., None], other, base)
    tone = 1 + 0.08 * sample(noise, xx * 0.4 + float(rng.uniform(0, 500)), yy * 0.4)
    return (base * tone[..., None]).astype(np.float32)


def lit(surface: Surface, scene: Scene, view: View) -> F:
    """Linear light [h, w, 3] of `surface` in `scene`; the lamp is the view's."""
    rng = view.rng
    shape = surface.height.shape
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(28, 75))
    lamp = np.array(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], np.float32
    )
    ambient = float(rng.uniform(0.25, 0.6))
    sx, sy = _slopes(surface.height, scene, surface.relief * float(rng.uniform(0.8, 1.15)))
    sx, sy = sx + scene.slope_x, sy + scene.slope_y
    norm = 1 / np.sqrt(1 + sx * sx + sy * sy)
    facing = (lamp[2] - sx * lamp[0] - sy * lamp[1]) * norm
    soft = 0.18
    diffuse = np.clip((facing + soft) / (1 + soft), 0, None) / lamp[2] ** 0.5
    light = ambient + (1.15 - ambient) * diffuse
    if surface.occlusion:
        low, high = np.percentile(surface.height[::7, ::7], (3, 97))
        place = np.clip((surface.height - low) / (high - low + 1e-6), 0, 1)
        light = light * (1 - surface.occlusion + surface.occlusion * place)
    # Folds keep the sky from each other.
    colour = surface.albedo * light[..., None]
    if surface.sheen:
        edge = (
            1 - norm
            if not surface.fuzz
            else 1 - 1 / np.sqrt(1 + scene.slope_x**2 + scene.slope_y**2 + 0.2 * (sx * sx + sy * sy))
        )
        colour = colour * (1 + (surface.sheen * 2.2 * edge)[..., None]) + (0.05 * surface.sheen * edge)[..., None]
    gloss = np.asarray(surface.gloss, np.float32)
    if float(gloss.max()) > 0.02:
        half = lamp + np.array([0, 0, 1], np.float32)
        half /= np.linalg.norm(half)
        if surface.fibre is None:
            shine = np.clip((half[2] - sx * half[0] - sy * half[1]) * norm, 0, 1) ** surface.polish
        else:
            direction = surface.fibre - scene.turn
            tx, ty = np.cos(direction), np.sin(direction)
            tz = sx * tx + sy * ty
            along = (half[0] * tx + half[1] * ty + half[2] * tz) / np.sqrt(1 + tz * tz)
            shine = np.clip(1 - along * along, 0, 1) ** (surface.polish * 0.7)
            shine *= np.clip((half[2] - sx * half[0] - sy * half[1]) * norm, 0, 1) ** 3
        # not .max(axis=-1): NumPy takes a hundred times as long over an axis of three
        red, green, blue = np.moveaxis(surface.albedo, -1, 0)
        tint = 0.45 + 0.55 * surface.albedo / (np.maximum(np.maximum(red, green), blue)[..., None] + 1e-3)
        colour = colour + (gloss * 0.55 * shine)[..., None] * tint
    if surface.alpha is not None:
        ground = _behind(view, shape)
        reach = max(1, int(scene.grid.pixels * float(rng.uniform(0.02, 0.2))))
        shadow = np.roll(surface.alpha, (reach, reach), (0, 1))
        small = Image.fromarray((shadow * 255).astype(np.uint8)).resize(
            (shape[1] // 3, shape[0] // 3), Image.Resampling.BOX
        )
        spread = np.asarray(small.resize((shape[1], shape[0]), Image.Resampling.BILINEAR), np.float32) / 255
        ground *= (1 - 0.5 * spread)[..., None]
        colour = colour * surface.alpha[..., None] + ground * (1 - surface.alpha[..., None])
    return colour.astype(np.float32)
