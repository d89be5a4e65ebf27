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
    #: What `shared.photos.picture_measures` measures, by which the bank's limits for photos are learnt; None for a
    #: sample of an earlier version.
    picture: dict[str, float] | None = None

    NAMES: ClassVar[tuple[str, ...]] = ("side", "sharpness", "brightness", "clipped", "picture")

    @classmethod
    def from_json(cls, row: Any) -> Self | None:
        """From the keys of a sample's row; None where it has none."""
        if "sharpness" not in row:
            return None
        first = {name: row[name] for name in ("side", "sharpness", "brightness", "clipped")}
        return cls(**first, picture=row.get("picture"))

    def to_json(self) -> dict[str, Any]:
        row = asdict(self)
        if row["picture"] is None:
            del row["picture"]
        return row
