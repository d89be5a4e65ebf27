"""Renders photos of fabrics: from (class, seed) to an RGB picture with a known label.

A picture is a *design* (one cloth: draft, yarns, colours, faults) seen in a *view* (distance, turn, folds, light,
camera). `render(name, seed)` uses design `seed` seen in view 0; `render_view` takes both, so that training sees one
cloth many times.
"""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.render import palette
from scripts.render.camera import photograph
from scripts.render.classes import CLASSES
from scripts.render.fabric_class import FabricClass
from scripts.render.light import lit
from scripts.render.surface import Design
from scripts.render.view import View, look

__all__ = ["CLASSES", "FabricClass", "describe", "jpeg", "render", "render_view", "save_jpeg"]

#: Shading happens on this many pixels a picture pixel and side, then is averaged down, against aliasing of fine weaves.
OVERSAMPLE = 1.5
_DESIGN, _VIEW = 1, 2


def _design(name: str, design: int) -> Design:
    rng = np.random.default_rng([zlib.crc32(name.encode()), _DESIGN, design])
    colours = palette.draw(rng, CLASSES[name].grounds)
    shift = (float(rng.uniform(0, 512)), float(rng.uniform(0, 512)))
    return Design(rng, colours, int(rng.integers(6)), shift)


def describe(name: str, design: int) -> tuple[str, ...]:
    """Colour names of that design, ground first: what a caption may say of it."""
    return _design(name, design).palette.names


def render_view(
    name: str, design: int, view: int, size: int | tuple[int, int] = 224, *, wild: float = 1.0
) -> NDArray[np.uint8]:
    """Cloth `design` of class `name` seen in `view`: uint8 RGB [h, w, 3]; `size` is a side or (h, w) in pixels.

    Deterministic in all arguments. `wild` > 1 widens distance, folds, light and camera faults beyond a careful photo.
    Raises KeyError for an unknown class.
    """
    entry = CLASSES[name]
    h, w = (size, size) if isinstance(size, int) else size
    camera = View(np.random.default_rng([zlib.crc32(name.encode()), _VIEW, design, view]), wild)
    shape = (round(h * OVERSAMPLE), round(w * OVERSAMPLE))
    cloth = _design(name, design)
    scene = look(camera, shape, entry.cells, entry.drape)
    surface = entry.draw(scene.grid, cloth)
    return photograph(lit(surface, scene, camera), camera, (h, w), surface.fuzz)


def render(name: str, seed: int, size: int | tuple[int, int] = 224) -> NDArray[np.uint8]:
    """Photo `seed` of class `name`: uint8 RGB [h, w, 3]. Every seed is a cloth of its own. Raises KeyError."""
    return render_view(name, seed, 0, size)


def jpeg(pixels: NDArray[np.uint8], quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def save_jpeg(path: str | os.PathLike[str], pixels: NDArray[np.uint8], quality: int = 90) -> None:
    """Writes `pixels` (uint8 RGB) to `path`, creating its folder."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(jpeg(pixels, quality))
