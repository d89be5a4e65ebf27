"""Photos of which parts become items: what is asked for, and what an item knows of the photo that it was cut out of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: Most parts of one photo.
MOST = 80


class Split(StrEnum):
    """What of each photo becomes an item, where it is not the photo itself."""

    #: Every swatch of a swatch card; a photo that is no card stays whole.
    SWATCHES = "swatches"


@dataclass(frozen=True, slots=True)
class Cutout:
    """What a photo was cut out of."""

    #: SHA-256 of the whole photo: a stored blob, or a file of a folder job.
    whole: str
    #: x, y, width and height in shares of the whole, upright.
    box: tuple[float, float, float, float]
    #: The whole photo's name, as an item's; empty where an earlier version did not note it.
    card: str = ""

    @property
    def identity(self) -> str:
        """Stands for the SHA-256 of a swatch that has no file of its own: its photo is decoded, and the box cut."""
        return hashlib.sha256(json.dumps([self.whole, *self.box]).encode()).hexdigest()

    @classmethod
    def shown(cls, row: Mapping[str, Any]) -> Cutout | None:
        """Of a result as it is shown; None where it is of a whole photo."""
        part = row.get("part")
        return cls(part["whole"], tuple(part["box"]), part["card"] or "") if part else None

    @classmethod
    def to_cut(cls, row: Mapping[str, Any]) -> Cutout | None:
        """As `shown`, where the box has to be cut to see its photo: None where the photo has a file of its own."""
        part = cls.shown(row)
        return part if part and row["sha256"] == part.identity else None

    def to_json(self) -> list[Any]:
        return [self.whole, *self.box, *([self.card] if self.card else [])]

    @classmethod
    def from_json(cls, row: Sequence[Any]) -> Cutout:
        return cls(row[0], (row[1], row[2], row[3], row[4]), *row[5:6])
