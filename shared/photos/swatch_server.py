"""Cuts swatch cards, in a process of its own: `python -m shared.photos.swatch_server`, used through `swatch_cutting`.

As `view_server`, with another answer: behind `{"bytes": n}` come the swatches as `CutSwatches` packs them.
"""

from __future__ import annotations

import sys

from shared.core import logs
from shared.core.settings import Settings
from shared.photos.cut_swatches import CutSwatches
from shared.photos.view_server import serve

#: Shorter side of a card, in pixels, that is enough for its swatches; larger ones are decoded smaller.
TARGET = 2400

if __name__ == "__main__":
    # Unbuffered, as in `view_server`.
    with open(0, "rb", buffering=0, closefd=False) as incoming:
        settings = Settings()
        logs.configure(settings, "swatches")
        serve(settings, TARGET, CutSwatches(), incoming, sys.stdout.buffer)
