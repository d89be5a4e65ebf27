"""Connected regions of a mask, and how much of a rectangle each of them fills."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Mask = NDArray[np.bool_]

#: Degrees by which a rectangle may be turned, and the steps in which it is tried.
_TURN, _STEP = 12, 2


@dataclass(frozen=True, slots=True)
class Region:
    """Pixels that hang together, as a mask [h, w] of their bounding box, whose corner is at `top` and `left`."""

    top: int
    left: int
    mask: Mask

    @property
    def area(self) -> int:
        return int(self.mask.sum())

    @property
    def height(self) -> int:
        return int(self.mask.shape[0])

    @property
    def width(self) -> int:
        return int(self.mask.shape[1])

    def filled(self) -> float:
        """Share of the smallest rectangle around it, turned a little, that it fills."""
        return float(self.area / min(_size(box) for _, box in self._turned(range(-_TURN, _TURN + 1, _STEP))))

    def upright(self) -> tuple[float, tuple[float, float, float, float]]:
        """Degrees by which its smallest rectangle is turned, and that rectangle's left, top, right and bottom: shares
        of pixels in coordinates across = x cos + y sin, down = y cos - x sin, from its own corner."""
        return min(
            self._turned([step / 2 for step in range(-2 * _TURN, 2 * _TURN + 1)]), key=lambda turned: _size(turned[1])
        )

    def _turned(self, degrees: Iterable[float]) -> Iterator[tuple[float, tuple[float, float, float, float]]]:
        around = np.pad(self.mask, 1)
        rows, columns = np.nonzero(around & ~eroded(around, 1))
        for one in degrees:
            turn = np.radians(one)
            across = (columns - 1) * np.cos(turn) + (rows - 1) * np.sin(turn)
            down = (rows - 1) * np.cos(turn) - (columns - 1) * np.sin(turn)
            yield float(one), (across.min(), down.min(), across.max() + 1, down.max() + 1)


def _size(box: tuple[float, float, float, float]) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def eroded(mask: Mask, radius: int) -> Mask:
    """Without what is nearer than `radius` to its edge; what lies beyond the picture counts as the mask does there."""
    return _filtered(mask, ImageFilter.MinFilter(2 * radius + 1))


def grown(mask: Mask, radius: int) -> Mask:
    return _filtered(mask, ImageFilter.MaxFilter(2 * radius + 1))


def _filtered(mask: Mask, kind: ImageFilter.MinFilter | ImageFilter.MaxFilter) -> Mask:
    # Pillow repeats the outermost pixels.
    return np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).filter(kind)) > 0


def without_holes(mask: Mask) -> Mask:
    """With everything filled that cannot be reached from the picture's edge."""
    around = np.pad(~mask, 1, constant_values=True)
    filled = mask.copy()
    for region in regions(around):
        if region.top > 0:
            top, left = region.top - 1, region.left - 1
            filled[top : top + region.height, left : left + region.width] |= region.mask
    return filled


def regions(mask: Mask) -> list[Region]:
    """Every region of a mask [h, w]; pixels hang together with their four neighbours."""
    # Runs of each row, joined with those that they touch in the row above.
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    first = np.searchsorted(rows, np.arange(mask.shape[0] + 1)).tolist()
    begin, end = starts.tolist(), ends.tolist()
    parent = list(range(len(begin)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    for row in range(1, mask.shape[0]):
        above, here = first[row - 1], first[row]
        while above < first[row] and here < first[row + 1]:
            if begin[above] < end[here] and begin[here] < end[above]:
                one, other = root(above), root(here)
                parent[max(one, other)] = min(one, other)
            if end[above] < end[here]:
                above += 1
            else:
                here += 1
    members: dict[int, list[int]] = {}
    for run in range(len(begin)):
        members.setdefault(root(run), []).append(run)
    return [_region(rows[runs], starts[runs], ends[runs]) for runs in members.values()]


def _region(rows: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp]) -> Region:
    top, left = int(rows.min()), int(starts.min())
    mask = np.zeros((int(rows.max()) + 1 - top, int(ends.max()) - left), bool)
    for row, start, end in zip((rows - top).tolist(), (starts - left).tolist(), (ends - left).tolist(), strict=True):
        mask[row, start:end] = True
    return Region(top, left, mask)
