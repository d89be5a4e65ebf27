"""A finished file as a stream of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

_PIECE_BYTES = 1 << 18


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The whole of `file`, from its start."""
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        yield piece
