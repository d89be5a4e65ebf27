"""Swatches that touch each other: a piece on a card that is a regular grid of different cloths.

The piece is turned upright, and cut where its look changes along a whole line, down and across. A check or a tartan has
such lines as well; but its fields repeat the same few looks, and those of a card are all different.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shared.photos.regions import Region

Floats = NDArray[np.float64]

#: By how much two looks differ: L*, a*, b* and fine contrast; they are different from here on.
_WEIGHTS, _DIFFERENT = np.array([1.0, 1.0, 1.0, 1.5]), 5.0
#: Beside a line: pixels that are left out, share of the piece's side that is averaged; pixels of a stretch of it.
_BESIDE, _WIDE, _STRETCH = 2, 0.055, 10
#: Share of a line's stretches at which the look changes.
_ALONG = 0.85
#: Most fields in a direction; how far a line may be from its place in a regular grid, share of a field.
_MOST, _OFF = 10, 0.08
#: Share of all pairs of fields that look different; a field's halves differ by no more than this share of that.
_ALL_DIFFERENT, _EVEN = 0.85, 0.5
#: Left out around each field, share of its sides.
_INSET = 0.03


def fields(values: Floats, piece: Region) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each swatch, row by row; empty where the piece is no such grid.

    `values`: what each pixel of the picture looks like, L*, a*, b* and fine contrast, float64 [h, w, 4].
    """
    degrees, (left, top, right, bottom) = piece.upright()
    turn = np.radians(degrees)
    across, down = np.arange(round(left), round(right)), np.arange(round(top), round(bottom))
    x = across[None] * np.cos(turn) - down[:, None] * np.sin(turn)
    y = across[None] * np.sin(turn) + down[:, None] * np.cos(turn)
    height, width = values.shape[:2]
    columns = np.clip(np.rint(x).astype(int) + piece.left, 0, width - 1)
    rows = np.clip(np.rint(y).astype(int) + piece.top, 0, height - 1)
    upright = values[rows, columns] * _WEIGHTS
    lines_down, lines_across = _lines(upright.swapaxes(0, 1)), _lines(upright)
    if len(lines_down) < 3 or len(lines_across) < 3 or not _are_cloths(upright, lines_across, lines_down):
        return []
    found = []
    for first, last in pairwise(lines_across):
        for start, end in pairwise(lines_down):
            inset = round(_INSET * min(last - first, end - start))
            # Where its edges have their middles: of a turned swatch, the corners are left to its neighbours.
            middle, centre = (first + last) // 2, (start + end) // 2
            found.append(
                (
                    int(columns[middle, start + inset]),
                    int(rows[first + inset, centre]),
                    int(columns[middle, end - 1 - inset]) + 1,
                    int(rows[last - 1 - inset, centre]) + 1,
                )
            )
    return found


def _lines(upright: Floats) -> list[int]:
    """Where the look changes across whole rows, with both ends, in the finest regular grid; else the ends alone."""
    length = upright.shape[0]
    stretches = np.array_split(upright, max(1, upright.shape[1] // _STRETCH), axis=1)
    means = np.stack([stretch.mean(axis=1) for stretch in stretches])
    total = np.concatenate([np.zeros_like(means[:, :1]), np.cumsum(means, axis=1)], axis=1)
    wide = max(4, round(_WIDE * length))
    at = np.arange(wide + _BESIDE, length - wide - _BESIDE)
    if not len(at):
        return [0, length]
    before = total[:, at - _BESIDE] - total[:, at - _BESIDE - wide]
    behind = total[:, at + _BESIDE + wide] - total[:, at + _BESIDE]
    change = np.sqrt((((behind - before) / wide) ** 2).sum(axis=-1))
    along, strength = (change > _DIFFERENT).mean(axis=0), change.mean(axis=0)
    # Beside a line, whatever overlaps it changes, too.
    reach = range(-wide, wide + 1)
    peaks = strength >= np.max([np.roll(strength, step) for step in reach], axis=0)
    for count in range(_MOST, 1, -1):
        field = length / count
        near = [peaks & (np.abs(at - field * n) <= _OFF * field) for n in range(1, count)]
        if field > 2 * wide and all(place.any() for place in near):
            places = [int(np.flatnonzero(place)[np.argmax(strength[place])]) for place in near]
            if min(along[place] for place in places) >= _ALONG:
                return [0, *(int(at[place]) for place in places), length]
    return [0, length]


def _are_cloths(upright: Floats, lines_across: list[int], lines_down: list[int]) -> bool:
    """Whether the fields differ from each other, and not within themselves."""
    looks, uneven = [], []
    for first, last in pairwise(lines_across):
        for start, end in pairwise(lines_down):
            field = upright[first:last, start:end]
            looks.append(field.mean(axis=(0, 1)))
            halves = (np.array_split(field, 2, axis=0), np.array_split(field, 2, axis=1))
            uneven += [np.linalg.norm(one.mean(axis=(0, 1)) - two.mean(axis=(0, 1))) for one, two in halves]
    apart = np.linalg.norm(np.array(looks)[:, None] - np.array(looks)[None], axis=-1)[np.triu_indices(len(looks), 1)]
    return bool((apart > _DIFFERENT).mean() >= _ALL_DIFFERENT and np.quantile(uneven, 0.75) <= _EVEN * np.median(apart))
