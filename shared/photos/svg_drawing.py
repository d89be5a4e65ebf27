"""SVG drawings, drawn by resvg where the extra `svg` is installed and this process can open nothing.

A drawing may name files, which resvg would read into the picture: so it is drawn in a confined decoder only. Texts are
not drawn, for fonts are files as well.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

from PIL import Image

from shared.core.errors import PhotoError
from shared.photos.confinement import opens_nothing
from shared.photos.identify import identify

#: Side of the square into which a drawing is fitted to learn its shape, and how much longer than `target` it gets.
_FIRST_SIDE, _MAX_LENGTH = 256, 16


@cache
def resvg() -> Any:
    """The module resvg_py; None where it is not installed. Called once before anything is confined."""
    try:
        import resvg_py
    except ImportError:
        return None
    return resvg_py


def is_svg(data: bytes) -> bool:
    """Whether the file is a drawing that can be drawn here."""
    if b"<" not in data[:64] or not opens_nothing() or resvg() is None:
        return False
    kind = identify(data)
    return kind is not None and kind.name == "SVG"


def draw(data: bytes, target: int, ask: Callable[[int], None]) -> Image.Image:
    """RGB on white, the shorter side `target` pixels; of a strip, the longer side at most 16 times as many.

    `ask`: see `decode`. Raises PhotoError `unsupported_variant` for what resvg does not draw.
    """
    try:
        text = data.decode()
        shape = _drawn(text, _FIRST_SIDE, _FIRST_SIDE).size
        scale = min(target / min(shape), _MAX_LENGTH * target / max(shape))
        width, height = (max(1, round(side * scale)) for side in shape)
        # Its own picture, the PNG, and ours.
        ask(12 * width * height)
        return _drawn(text, width, height)
    except (ValueError, OSError) as error:
        raise PhotoError("unsupported_variant", format="SVG") from error


def _drawn(text: str, width: int, height: int) -> Image.Image:
    """Fitted into that many pixels."""
    png = resvg().svg_to_bytes(svg_string=text, width=width, height=height, background="white", skip_system_fonts=True)
    return Image.open(io.BytesIO(png)).convert("RGB")
