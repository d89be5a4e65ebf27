"""A part of a photo: a rectangle in shares of its upright picture. No numpy here: pages name one, too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from shared.core.errors import InvalidRequest

#: Shortest side of a part, as a share of the photo's: less is too few threads to tell a cloth by.
LEAST = 0.02


@dataclass(frozen=True, slots=True)
class Box:
    """0…1, from the left and from the top."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def parsed(cls, text: str) -> Self:
        """From `x,y,width,height`; what lies outside of the photo is cut off.

        Raises InvalidRequest for anything else, and for a side shorter than `LEAST`.
        """
        try:
            x, y, width, height = map(float, text.split(","))
        except ValueError:
            raise InvalidRequest("box_wrong", least=LEAST) from None
        if not all(map(math.isfinite, (x, y, width, height))):
            raise InvalidRequest("box_wrong", least=LEAST)
        left, top = (min(max(at, 0.0), 1.0) for at in (x, y))
        right, bottom = (min(max(at, 0.0), 1.0) for at in (x + width, y + height))
        if right - left < LEAST or bottom - top < LEAST:
            raise InvalidRequest("box_wrong", least=LEAST)
        return cls(left, top, right - left, bottom - top)

    @property
    def shorter(self) -> float:
        """The smaller of its sides."""
        return min(self.width, self.height)

    def told(self) -> str:
        """In per cent of the photo, as people read it: `25–75 % × 10–60 %`."""
        left, top, right, bottom = (
            round(100 * at) for at in (self.x, self.y, self.x + self.width, self.y + self.height)
        )
        return f"{left}–{right} % × {top}–{bottom} %"

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in a picture of this size; at least one pixel."""
        left, top = min(int(self.x * width), width - 1), min(int(self.y * height), height - 1)
        right, bottom = round((self.x + self.width) * width), round((self.y + self.height) * height)
        return left, top, max(right, left + 1), max(bottom, top + 1)
