"""Photos of which parts become items: what is asked for, and what an item knows of the photo that it was cut out of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Split(StrEnum):
    """What of each photo becomes an item, where it is not the photo itself."""

    #: Every swatch of a swatch card; a photo that is no card stays whole.
    SWATCHES = "swatches"


@dataclass(frozen=True, slots=True)
class Cutout:
    """What a photo was cut out of."""

    #: SHA-256 of the whole photo, a stored blob.
    whole: str
    #: x, y, width and height in shares of the whole, upright.
    box: tuple[float, float, float, float]

    def to_json(self) -> list[Any]:
        return [self.whole, *self.box]

    @classmethod
    def from_json(cls, row: Sequence[Any]) -> Cutout:
        return cls(row[0], (row[1], row[2], row[3], row[4]))
