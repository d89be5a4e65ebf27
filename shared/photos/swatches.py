"""Finds the swatches of a swatch card: pieces of cloth that lie apart from each other on a ground of another look.

Classical segmentation. The ground is what the picture's edge looks like: its colour, which may change evenly across the
picture (light falls off), and its fine contrast (paper has none, wood some, cloth more). Pieces are what differs from
it. Writing and lines are too thin to be cloth, labels are paper; what is left must be like a rectangle or a disc. A
card that lies on a table is found as the only large piece first, and looked at once more by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.photos import lab
from shared.photos.box import Box
from shared.photos.regions import Mask, Region, eroded, grown, regions, without_holes
from shared.photos.touching_swatches import fields

Floats = NDArray[np.float64]
_Rectangle = tuple[int, int, int, int]

#: Longer side of the picture that is looked at, in pixels.
SIDE = 480
#: Most swatches on a card; more of them are a print.
MOST = 80
#: Width of the edge that shows the ground, share of the shorter side; share of it that must look alike.
_EDGE, _ALIKE = 0.03, 0.55
#: The ground's spread is taken as at least this (L*, a*, b*, fine contrast), and as no ground from this on (L*).
_LEAST_SPREAD, _MOST_SPREAD = np.array([1.6, 1.0, 1.0, 0.9]), 11.0
#: In spreads: what is not the ground any more, and what is tried in turn where pieces hang together.
_UNLIKE = (5.0, 7.5, 11.0, 16.0)
#: Pixels: gaps that are closed (a pattern may have the colour of the ground), and lines and letters that are removed.
_CLOSED, _OPENED = 1, 4
#: A swatch: share of the picture, of the usual swatch's area, of its rectangle that is filled; its longer side over the
#: shorter one.
_LEAST_AREA, _LEAST_OF_USUAL, _FILLED, _LONGEST = 0.0025, 0.12, 0.7, 4.5
#: A row of a swatch has at least this share of the pixels that most of its rows have.
_FULL = 0.7
#: All swatches together, share of the picture.
_LEAST_OF_ALL = 0.06
#: What may be a card on a table: share of the picture, and what is cut off around it.
_CARD, _MARGIN = 0.2, 0.008
#: A single piece that may be several swatches, share of the picture.
_TOUCHING = 0.12
#: Paper is light, without colour and contrast: L*, chroma, fine contrast; share of a label that is so. A label is
#: smaller than this share of the usual swatch.
_LIGHT, _COLOURLESS, _SMOOTH, _PAPER, _LABEL = 72.0, 14.0, 1.6, 0.45, 0.6
#: A ground with this fine contrast may be cloth, and pieces on it a print, where they differ in colour by less (ΔE);
#: on any ground are pieces that differ by less than `_SAME` and take less than this share of the picture each.
_CLOTH, _ONE_COLOUR, _SAME, _FIGURE = 1.8, 6.0, 2.5, 0.01


def find(rgb: NDArray[np.uint8]) -> list[Box]:
    """The swatches of a photo of a card, uint8 RGB [h, w, 3], in reading order; empty where it is no such photo.

    There are at least two, or none: one piece of cloth is a photo of cloth.
    """
    height, width = rgb.shape[:2]
    scale = SIDE / max(height, width)
    image = Image.fromarray(np.ascontiguousarray(rgb))
    if scale < 1:
        image = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX)
    if min(image.size) < SIDE // 8:
        return []
    found = _in_order(_found(image, np.ones((image.height, image.width), bool), 2))
    return [
        Box(left / image.width, top / image.height, (right - left) / image.width, (bottom - top) / image.height)
        for left, top, right, bottom in found
    ]


def _look(image: Image.Image) -> Floats:
    """What each pixel looks like: L*, a*, b* and fine contrast, float64 [h, w, 4]."""
    values = lab.from_srgb(np.asarray(image))
    light = values[..., 0]
    mean = _smoothed(light, 1)
    contrast = np.sqrt(np.maximum(_smoothed(light * light, 1) - mean * mean, 0))
    return np.concatenate([values, contrast[..., None]], axis=-1)


def _found(image: Image.Image, inside: Mask, cards: int) -> list[_Rectangle]:
    """Left, top, right and bottom of each swatch within a part of the picture. `cards`: how many times a card that lies
    in it is looked at by itself."""
    values = _look(image)
    away = _unlikeness(values, inside)
    if away is None:
        # No ground is seen: perhaps the swatches reach the picture's edge.
        return fields(values, Region(0, 0, inside)) if inside.all() else []
    whole = int(inside.sum())
    pieces = _pieces(away, 0)
    for card in (piece for piece in pieces if cards and piece.area > _CARD * whole):
        if within := _on_card(image, card, cards - 1):
            return within
    swatches = _swatches(values, pieces)
    if len(swatches) == 1 and swatches[0].area > _TOUCHING * whole:
        return fields(values, swatches[0])
    if not 2 <= len(swatches) <= MOST or sum(piece.area for piece in swatches) < _LEAST_OF_ALL * whole:
        return []
    if _is_print(values, away, swatches):
        return []
    return [_trimmed(values, away, piece) for piece in swatches]


def _on_card(image: Image.Image, card: Region, cards: int) -> list[_Rectangle]:
    """As `_found` for a piece, made as large as the picture was: what lies on it may be small."""
    area = (card.left, card.top, card.left + card.width, card.top + card.height)
    larger = SIDE / max(card.mask.shape)
    size = (round(card.width * larger), round(card.height * larger))
    mask = Image.fromarray(card.mask.astype(np.uint8) * 255).resize(size)
    # Its outermost pixels are half the table's.
    inside = eroded(np.pad(np.asarray(mask) > 127, 1), 1 + round(_MARGIN * min(size)))[1:-1, 1:-1]
    found = _found(image.crop(area).resize(size, Image.Resampling.BILINEAR), inside, cards)
    return [
        (
            card.left + round(left / larger),
            card.top + round(top / larger),
            card.left + round(right / larger),
            card.top + round(bottom / larger),
        )
        for left, top, right, bottom in found
    ]


def _unlikeness(values: Floats, inside: Mask) -> Floats | None:
    """How unlike the ground each pixel inside is, in the ground's spreads, and 0 outside; None where its edge shows no
    ground."""
    height, width = inside.shape
    ring = max(4, round(_EDGE * min(height, width)))
    edge = inside & ~eroded(np.pad(inside, ring), ring)[ring:-ring, ring:-ring]
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    plane = np.stack([np.ones_like(rows), rows, columns], axis=-1)
    at, seen = plane[edge], values[edge]
    if len(seen) < 4 * ring:
        return None
    # What lies on the ground and reaches the edge must not bend it: from the usual colour on, what is nearest counts.
    rest = np.abs((seen - np.median(seen, axis=0)) / _LEAST_SPREAD).max(axis=1)
    for share in (0.6, 0.6, 0.65, 0.7, 0.7):
        near = rest <= np.quantile(rest, share)
        light, *_ = np.linalg.lstsq(at[near], seen[near], rcond=None)
        off = seen - at @ light
        spread = np.maximum(_LEAST_SPREAD, 1.3 * 1.4826 * np.median(np.abs(off[near]), axis=0))
        rest = np.abs(off / spread).max(axis=1)
    if spread[0] > _MOST_SPREAD or (rest < _UNLIKE[0]).mean() < _ALIKE:
        return None
    off = (values - plane @ light) / spread
    return np.where(inside, np.sqrt((off * off).sum(axis=-1)), 0)


def _pieces(away: Floats, step: int) -> list[Region]:
    """What lies on the ground. Where several pieces hang together, by a shadow, they are told apart more strictly."""
    mask = away > _UNLIKE[step]
    mask = eroded(grown(mask, _CLOSED), _CLOSED)
    mask = without_holes(grown(eroded(mask, _OPENED), _OPENED))
    found = []
    for region in regions(mask):
        if region.area < _LEAST_AREA * away.size / 4:
            continue
        if step + 1 < len(_UNLIKE) and region.filled() < _FILLED:
            place = np.s_[region.top : region.top + region.height, region.left : region.left + region.width]
            alone = np.zeros_like(away)
            alone[place] = np.where(region.mask, away[place], 0)
            stricter = _pieces(alone, step + 1)
            if len(stricter) > 1:
                found += stricter
                continue
        found.append(region)
    return found


def _swatches(values: Floats, pieces: list[Region]) -> list[Region]:
    """Those of the pieces that are cloth."""
    whole = values.shape[0] * values.shape[1]
    shaped = [
        piece
        for piece in pieces
        if piece.area >= _LEAST_AREA * whole
        and max(piece.width, piece.height) <= _LONGEST * min(piece.width, piece.height)
        and piece.filled() >= _FILLED
    ]
    if not shaped:
        return []
    # The usual one among the larger half: labels may be as many.
    usual = float(np.quantile([piece.area for piece in shaped], 0.75))
    return [
        piece
        for piece in shaped
        if piece.area >= _LEAST_OF_USUAL * usual and not (piece.area < _LABEL * usual and _is_paper(values, piece))
    ]


def _is_paper(values: Floats, piece: Region) -> bool:
    return bool(_paper(_pixels(values, piece)).mean() > _PAPER)


def _paper(seen: Floats) -> Mask:
    """Which pixels may be paper between writing."""
    light, smooth = seen[..., 0] > _LIGHT, seen[..., 3] < _SMOOTH
    return np.asarray(light & smooth & (np.hypot(seen[..., 1], seen[..., 2]) < _COLOURLESS))


def _is_print(values: Floats, away: Floats, swatches: list[Region]) -> bool:
    """Whether the pieces are figures of one cloth, or holes in it: all of one colour."""
    colours = np.array([np.median(_pixels(values, piece)[:, :3], axis=0) for piece in swatches])
    differ = np.median(lab.difference(colours, np.median(colours, axis=0)))
    if differ < _SAME and np.median([piece.area for piece in swatches]) < _FIGURE * away.size:
        return True
    ground = values[away < _UNLIKE[0]]
    return bool(differ < _ONE_COLOUR and len(ground) and np.median(ground[:, 3]) >= _CLOTH)


def _pixels(values: Floats, piece: Region) -> Floats:
    part = values[piece.top : piece.top + piece.height, piece.left : piece.left + piece.width]
    return np.asarray(part[piece.mask])


def _trimmed(values: Floats, away: Floats, piece: Region) -> _Rectangle:
    """Its rectangle without rows and columns at its edges that are mostly something else: teeth of pinked edges,
    corners of a turned swatch, writing, a label that touches it."""
    place = np.s_[piece.top : piece.top + piece.height, piece.left : piece.left + piece.width]
    cloth = piece.mask & (away[place] > _UNLIKE[0])
    paper = _paper(values[place])
    if (paper & cloth).sum() < _LABEL * piece.area:
        cloth &= ~paper
    rows, columns = _mostly(cloth, 1), _mostly(cloth, 0)
    return piece.left + columns[0], piece.top + rows[0], piece.left + columns[1], piece.top + rows[1]


def _mostly(cloth: Mask, axis: int) -> tuple[int, int]:
    """First and last row (axis 1) or column that is as full as most are, the last one exclusive."""
    filled = cloth.mean(axis=axis)
    full = np.flatnonzero(filled >= _FULL * np.quantile(filled, 0.75))
    return int(full[0]), int(full[-1]) + 1


def _in_order(found: list[_Rectangle]) -> list[_Rectangle]:
    """Row by row, from the left; a card that is turned a little has its rows still."""
    rows: list[list[_Rectangle]] = []
    for one in sorted(found, key=lambda one: one[1] + one[3]):
        middle = (one[1] + one[3]) / 2
        # In the row of a neighbour whose middle it covers.
        row = next((row for row in rows[-2:] if any(other[1] < middle < other[3] for other in row)), None)
        if row is None:
            rows.append([one])
        else:
            row.append(one)
    return [one for row in rows for one in sorted(row)]


def _smoothed(values: Floats, radius: int) -> Floats:
    """Mean of the squares of 2 `radius` + 1 pixels around each."""
    side = 2 * radius + 1
    padded = np.pad(values, radius, mode="edge")
    for axis in (0, 1):
        total = np.cumsum(np.concatenate([np.zeros_like(np.take(padded, [0], axis)), padded], axis), axis)
        size = total.shape[axis]
        padded = (np.take(total, range(side, size), axis) - np.take(total, range(size - side), axis)) / side
    return padded
