"""Finds the swatches of cards, in a process of its own: `python -m shared.photos.swatch_finder`, used through
`swatch_cutting`. As `swatch_server`, but nothing is cut: the answer is what `FindSwatches` says."""

from __future__ import annotations

from shared.photos.cut_swatches import FindSwatches
from shared.photos.view_server import run

#: Shorter side of a card, in pixels, that is enough to find its swatches.
TARGET = 720

if __name__ == "__main__":
    run("swatches", TARGET, FindSwatches())
