"""One look at a cloth: distance, turn, tilt, folds. Maps pixels to cloth coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from scripts.render.noise import F, cloud, sample
from scripts.render.surface import Grid


@dataclass(slots=True)
class View:
    """A camera position. `wild` widens every range: 1 is a careful product photo, 2 is a phone in a market."""

    rng: np.random.Generator
    wild: float = 1.0


@dataclass(slots=True)
class Scene:
    grid: Grid
    #: Slopes of the folds [h, w] along picture x and y.
    slope_x: F
    slope_y: F
    #: Angle by which the cloth is turned, radians: cloth directions to picture directions.
    turn: float


def _enlarge(small: F, height: int, width: int) -> F:
    return np.asarray(Image.fromarray(small, mode="F").resize((width, height), Image.Resampling.BICUBIC), np.float32)


def _folds(rng: np.random.Generator, strength: float, side: int = 40) -> F:
    """Height of the cloth's fall, in picture widths [side, side]: a few long waves that bend, and small dents."""
    axis = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    height = np.zeros_like(x)
    noise = cloud(int(rng.integers(6)), 2.2)
    ox, oy = rng.uniform(0, 512, 2)
    bend = sample(noise, x * 60 + ox, y * 60 + oy)
    main = rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(1, 4))):
        angle, waves = main + rng.normal(0, 0.5), rng.uniform(0.5, 3.0)
        phase = 2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle)) + 1.4 * bend + rng.uniform(0, 6.3)
        crest = np.abs(np.sin(phase / 2)) ** rng.uniform(1.0, 2.0) if rng.random() < 0.4 else np.sin(phase)
        height += (rng.uniform(0.3, 1.0) / waves) * crest
    height += 0.25 * sample(noise, x * 150 + oy, y * 150 + ox)
    return (height * strength * 0.11).astype(np.float32)


def look(view: View, shape: tuple[int, int], cells: tuple[float, float], drape: float) -> Scene:
    """Coordinates for a picture of `shape` showing between `cells` structural units across its shorter side."""
    rng, wild = view.rng, view.wild
    h, w = shape
    low, high = cells
    middle = np.sqrt(low * high)
    reach = (high / low) ** (0.5 * (0.35 + 0.35 * wild))
    across = float(middle * reach ** rng.uniform(-1, 1))
    turn = float(rng.normal(0, 0.16 * wild)) if rng.random() < 0.9 - 0.15 * wild else float(rng.uniform(-np.pi, np.pi))
    turn += float(rng.choice([0.0, np.pi / 2], p=[0.8, 0.2]))
    scale = across / min(h, w)
    yy, xx = np.meshgrid(np.arange(h, dtype=np.float32) - h / 2, np.arange(w, dtype=np.float32) - w / 2, indexing="ij")
    tilt = rng.normal(0, 0.16 * wild, 2) / max(h, w)
    depth = np.clip(1 + tilt[0] * xx + tilt[1] * yy, 0.5, 2.0)
    fallen = rng.random() < 0.35 + 0.5 * drape
    fold = _folds(rng, (0.15 + drape) * rng.uniform(0.3, 1.0) * wild**0.5 if fallen else 0.02 * rng.random())
    gy, gx = np.gradient(fold * fold.shape[0])
    slope_x, slope_y = _enlarge(gx.astype(np.float32), h, w), _enlarge(gy.astype(np.float32), h, w)
    # A slope shows more cloth to the pixel, and a bump moves it aside as perspective does.
    lift = _enlarge(fold, h, w)
    xx, yy = xx * (depth + 0.7 * lift), yy * (depth + 0.7 * lift)
    push = 0.25 * min(h, w)
    xx, yy = xx + push * lift * np.sign(slope_x.mean() + 1e-6), yy + push * lift
    cos, sin = np.float32(np.cos(turn) * scale), np.float32(np.sin(turn) * scale)
    ox, oy = rng.uniform(2000, 4000, 2).astype(np.float32)
    grid = Grid((cos * xx - sin * yy + ox).astype(np.float32), (sin * xx + cos * yy + oy).astype(np.float32), 1 / scale)
    return Scene(grid, slope_x, slope_y, turn)
