"""What tells a poor photo from a good one, as a bank keeps it with every sample. No numpy here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Measures:
    #: Pixels of the shorter side, as decoded.
    side: int
    #: Variance of the Laplacian of the grey picture (Pech-Pacheco et al., ICPR 2000), grey 0…255.
    sharpness: float
    #: Mean grey, 0…255.
    brightness: float
    #: Share of pixels at 250 or more.
    clipped: float

    NAMES: ClassVar[tuple[str, ...]] = ("side", "sharpness", "brightness", "clipped")

    @classmethod
    def from_json(cls, row: Any) -> Self | None:
        """From the keys of a sample's row; None where it has none."""
        return cls(**{name: row[name] for name in cls.NAMES}) if cls.NAMES[1] in row else None

    def to_json(self) -> dict[str, float]:
        return asdict(self)
