"""The photograph: lamp colour, uneven light, exposure, lens blur, sensor noise, sharpening, JPEG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from scripts.render.noise import F, cloud, sample
from scripts.render.view import View


def _lamp_colour(rng: np.random.Generator, wild: float) -> F:
    """White balance left over: warm lamp to blue sky, a little green or magenta."""
    warmth, green = rng.normal(0, 0.05 * wild), rng.normal(0, 0.02 * wild)
    return np.array([1 + warmth, 1 + green, 1 - warmth], np.float32)


def _falloff(rng: np.random.Generator, shape: tuple[int, int], wild: float) -> F:
    """Vignette, a gradient across the table and now and then a soft shadow's edge: [h, w], around 1."""
    side = 32
    axis = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    angle = rng.uniform(0, 2 * np.pi)
    across = x * np.cos(angle) + y * np.sin(angle)
    gain = 1 + rng.uniform(0, 0.45) * wild * across - rng.uniform(0, 0.35) * wild * (x * x + y * y)
    if rng.random() < 0.18 * wild:
        edge = across + 0.1 * sample(cloud(1, 2.0), x * 90, y * 90) - rng.uniform(-0.3, 0.3)
        gain = gain * (1 - rng.uniform(0.2, 0.5) * np.clip(edge * rng.uniform(3, 20) + 0.5, 0, 1))
    picture = Image.fromarray(gain.astype(np.float32), mode="F").resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32)


def photograph(light: F, view: View, size: tuple[int, int], fuzz: float) -> NDArray[np.uint8]:
    """Linear light [h, w, 3] → uint8 RGB of `size` (height, width)."""
    rng, wild = view.rng, view.wild
    light = light * (_lamp_colour(rng, wild) * _falloff(rng, light.shape[:2], wild)[..., None])
    mean = float(light.mean())
    # Cameras pull the mean towards middle grey, not all the way: white stays white, black stays black.
    exposure = (0.20 / max(mean, 0.01)) ** float(rng.uniform(0.25, 0.6)) * float(np.exp(rng.normal(0, 0.14 * wild)))
    display = np.sqrt(np.clip(light * exposure, 0, 1.0))
    contrast = float(rng.uniform(0.0, 0.35))
    curve = 3 - 2 * display  # smoothstep, in place: pictures of float32 are larger than a cache
    curve *= display * display
    curve -= display
    curve *= contrast
    display += curve
    if fuzz > 0.05:
        # Standing fibre ends scatter light: a speckle at the scale of the pixel.
        display *= 1 + 0.05 * fuzz * rng.standard_normal(display.shape[:2], dtype=np.float32)[..., None]
    picture = Image.fromarray((np.clip(display, 0, 1) * 255 + 0.5).astype(np.uint8))
    picture = picture.resize(
        (size[1], size[0]), Image.Resampling.BOX if picture.width >= 2 * size[1] else Image.Resampling.BILINEAR
    )
    kind = rng.random()
    if kind < 0.25 * wild:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.55 + 0.45 * wild))))
    elif kind > 0.8:
        picture = picture.filter(ImageFilter.UnsharpMask(1.2, int(rng.uniform(30, 110)), 2))
    pixels = np.asarray(picture, np.float32)
    noise = float(rng.uniform(0.5, 4.0 * wild))
    pixels = pixels + noise * rng.standard_normal(pixels.shape[:2], dtype=np.float32)[..., None]
    picture = Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(62, 96)))
    return np.asarray(Image.open(buffer).convert("RGB"))
