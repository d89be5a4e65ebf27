"""Cuts swatch cards, in a process of its own: `python -m shared.photos.swatch_server`, used through `swatch_cutting`.

As `view_server`, with another answer: behind `{"bytes": n}` come the swatches as `CutSwatches` packs them.
"""

from __future__ import annotations

from shared.photos.cut_swatches import CutSwatches
from shared.photos.view_server import run

#: Shorter side of a card, in pixels, that is enough for its swatches; larger ones are decoded smaller.
TARGET = 2400

if __name__ == "__main__":
    run("swatches", TARGET, CutSwatches())
