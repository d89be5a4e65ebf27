"""What a structure is given (`Grid`, `Design`) and what it hands to the light (`Surface`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scripts.render.noise import F
from scripts.render.palette import Palette


@dataclass(slots=True)
class Grid:
    """Cloth coordinates of every pixel. `x`, `y`: float32 [h, w] in structural units (a yarn, a stitch, a wale)."""

    x: F
    y: F
    #: Pixels a structural unit, at the middle of the picture: relief finer than two pixels is faded out.
    pixels: float


@dataclass(slots=True)
class Design:
    """One cloth: its generator (drawn from in a fixed order, never by the view) and its colours."""

    rng: np.random.Generator
    palette: Palette
    #: Which of the cached tiles this cloth uses, and where in them it lies.
    variant: int = 0
    shift: tuple[float, float] = (0.0, 0.0)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def threads(self, spread: float, count: int = 512) -> F:
        """A random factor around 1 for each of `count` threads (a power of two): yarn thickness and shade vary."""
        return (1 + spread * self.rng.standard_normal(count)).astype(np.float32)


@dataclass(slots=True)
class Surface:
    """A piece of cloth seen straight on, every array float32 [h, w] or [h, w, 3]."""

    #: In structural units: slopes follow from it.
    height: F
    #: Linear-light reflectance [h, w, 3], 0…1.
    albedo: F
    #: Strength of the highlight, 0 (matt) … 1 (sequin); scalar or [h, w].
    gloss: F | float = 0.05
    #: Exponent of the highlight.
    polish: float = 12.0
    #: Cover: 1 cloth, 0 hole; None where it is opaque.
    alpha: F | None = None
    #: Direction of the fibres in the plane, radians [h, w]: satin and silk shine across it. None: isotropic.
    fibre: F | None = None
    #: Brightening of slopes that turn away (velvet, fleece), 0…1.
    sheen: float = 0.0
    #: Darkening of the low places, 0…1.
    occlusion: float = 0.45
    #: Multiplies slopes.
    relief: float = 1.0
    #: Fibre ends standing out of the surface, 0…1: softens and speckles.
    fuzz: float = 0.1
    notes: dict[str, str] = field(default_factory=dict)
