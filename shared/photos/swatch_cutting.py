"""The swatches of a card as photos of their own. Nothing numeric is imported: cards are decoded and cut elsewhere."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

from shared.core.kept_child import KeptChild
from shared.photos.box import Box


@dataclass(frozen=True, slots=True)
class Swatch:
    """A swatch of a card: where it lies on it, and a JPEG of it. The same card always gives the same bytes."""

    box: Box
    jpeg: bytes


class SwatchCutter:
    """Cuts in a child process, which is started when it is first needed and decodes in confined ones."""

    def __init__(self) -> None:
        self._child = KeptChild("shared.photos.swatch_server")

    def swatches(self, data: bytes) -> list[Swatch]:
        """Those of a file's photo, in reading order; empty where it is no card, or no photo that can be decoded.

        Raises Unavailable.
        """
        answer, packed = self._child.ask({}, data)
        if "code" in answer:
            # Whoever classifies the photo says what is wrong with it.
            return []
        (size,) = struct.unpack_from(">I", packed)
        at = 4 + size
        found = []
        for *box, length in json.loads(packed[4:at]):
            found.append(Swatch(Box(*box), packed[at : at + length]))
            at += length
        return found

    def close(self) -> None:
        self._child.close()


class SwatchFinder:
    """Finds swatches without cutting them, as `SwatchCutter` does."""

    def __init__(self) -> None:
        self._child = KeptChild("shared.photos.swatch_finder")

    def boxes(self, data: bytes) -> list[Box]:
        """As `SwatchCutter.swatches`, what would be cut."""
        answer, found = self._child.ask({}, data)
        return [] if "code" in answer else [Box(*box) for box in json.loads(found)]

    def close(self) -> None:
        self._child.close()


def swatch_name(card: str, number: int) -> str:
    """`roll/card.heic`, 3 → `roll/card-swatch-03.jpg`, as the pages of a PDF are named."""
    folder, slash, name = card.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem if dot and stem else name}-swatch-{number:02}.jpg"
