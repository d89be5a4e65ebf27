"""Weave drafts: bool [picks, ends], True where the warp end passes over the weft pick (point paper: marked)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Draft = NDArray[np.bool_]


def plain() -> Draft:
    return np.array([[1, 0], [0, 1]], bool)


def basket(ends: int, picks: int) -> Draft:
    """Plain weave with `ends` × `picks` threads running as one (2 × 1 is oxford, 2 × 2 hopsack)."""
    return np.kron(plain(), np.ones((picks, ends), bool)).astype(bool)


def twill(over: int, under: int, step: int = 1, left: bool = False) -> Draft:
    """Regular twill `over`/`under`, Z lines (S where `left`)."""
    size = over + under
    row = np.arange(size) < over
    draft = np.stack([np.roll(row, step * pick) for pick in range(size)])
    return draft[:, ::-1] if left else draft


def herringbone(over: int, under: int, width: int) -> Draft:
    """Twill whose direction turns every `width` ends, with the clean cut of the trade."""
    size = over + under
    rows = np.arange(size)[:, None]
    ends = np.arange(2 * width)[None, :]
    turned = np.where(ends < width, ends, (2 * width - 1 - ends) + size // 2)
    return (rows + turned) % size < over


def satin(size: int, step: int, weft_faced: bool = False) -> Draft:
    """Satin of `size` ends with move number `step` (coprime to size): one interlacing an end."""
    draft = np.ones((size, size), bool)
    draft[np.arange(size), (np.arange(size) * step) % size] = False
    return ~draft if weft_faced else draft


def rib(picks: int) -> Draft:
    """Warp rib: plain weave with `picks` wefts in one shed (poplin to ottoman)."""
    return basket(1, picks)


def crepe(rng: np.random.Generator, size: int = 16) -> Draft:
    """Crepe: plain weave with scattered extra floats, no visible line."""
    draft = np.tile(plain(), (size // 2, size // 2))
    flips = rng.random((size, size)) < 0.22
    return draft ^ flips


def waffle(size: int) -> Draft:
    """Honeycomb weave: floats grow to the middle of each cell, warp and weft in turn."""
    centre = np.abs(np.arange(2 * size) - size)
    warp = centre[:, None] + centre[None, :]
    base = np.tile(plain(), (size, size))
    return np.where(warp < size - 1, True, np.where(warp > size + 1, False, base))
