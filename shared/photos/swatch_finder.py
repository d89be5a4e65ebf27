"""Finds the swatches of cards, in a process of its own: `python -m shared.photos.swatch_finder`, used through
`swatch_cutting`. As `swatch_server`, but nothing is cut: the answer is what `FindSwatches` says."""

from __future__ import annotations

import sys

from shared.core import logs
from shared.core.settings import Settings
from shared.photos.cut_swatches import FindSwatches
from shared.photos.view_server import serve

#: Shorter side of a card, in pixels, that is enough to find its swatches.
TARGET = 720

if __name__ == "__main__":
    # Unbuffered, as in `view_server`.
    with open(0, "rb", buffering=0, closefd=False) as incoming:
        settings = Settings()
        logs.configure(settings, "swatches")
        serve(settings, TARGET, FindSwatches(), incoming, sys.stdout.buffer)
