"""Photos of swatch cards composed of renders, with the place of every swatch: for `swatch_cards.py` and tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from scripts.lab.bench.photo_defects import finished
from scripts.render import CLASSES, render
from shared.photos.box import Box

Picture = NDArray[np.uint8]
Rng = np.random.Generator
#: Rows and columns of a card, by its swatches.
LAYOUTS = {4: (2, 2), 6: (2, 3), 9: (3, 3), 12: (3, 4), 20: (4, 5)}
GROUNDS = ("white", "grey", "wood")
_NAMES = sorted(CLASSES)


@dataclass(frozen=True, slots=True)
class Card:
    pixels: Picture
    swatches: list[Box]


def card(
    swatches: int,
    ground: str,
    seed: int,
    *,
    size: tuple[int, int] = (900, 1200),
    labels: bool = True,
    turned: bool = True,
    on_table: bool = False,
    touching: bool = False,
) -> Card:
    """A card of so many swatches (a key of `LAYOUTS`) with gaps, pinked edges, shadows and, beside them, labels.

    `size`: height and width in pixels. `turned`: by up to 5 degrees. `on_table`: the card is white and lies on wood.
    `touching`: without gaps, labels and teeth.
    """
    rng = np.random.default_rng([seed, swatches, GROUNDS.index(ground)])
    height, width = size
    board = Image.fromarray(_ground("white" if on_table else ground, height, width, rng))
    boxes = _mounted(board, swatches, rng, labels and not touching, touching)
    angle = float(rng.uniform(-5, 5)) if turned else 0.0
    # The ground goes on beyond the card's corners.
    behind = _ground("wood" if on_table else ground, height, width, np.random.default_rng([seed, 7]), board)
    shrunk = 0.78 if on_table else 1.0
    corners = _Turn(angle, shrunk, (width, height))
    seen = corners.picture(board, Image.fromarray(behind), on_table, ground)
    shade = 1 - rng.uniform(0, 0.2) * np.linspace(0, 1, width)[None, :, None]
    pixels = np.clip(np.asarray(seen) * shade, 0, 255).astype(np.uint8)
    return Card(finished(pixels, rng), [corners.box(one) for one in boxes])


def _mounted(
    board: Image.Image, swatches: int, rng: Rng, labels: bool, touching: bool = False
) -> list[tuple[int, int, int, int]]:
    """Puts swatches on the board; returns left, top, right and bottom of each."""
    rows, columns = LAYOUTS[swatches]
    margin = round(0.06 * min(board.size))
    cell_width, cell_height = (board.width - 2 * margin) // columns, (board.height - 2 * margin) // rows
    gap = 0.0 if touching else rng.uniform(0.06, 0.16)
    below = 0.2 if labels else 0.0
    found = []
    for place in range(swatches):
        row, column = divmod(place, columns)
        w, h = round(cell_width * (1 - gap)), round(cell_height * (1 - gap - below))
        left = margin + column * cell_width + (cell_width - w) // 2
        top = margin + row * cell_height + round(cell_height * gap / 2)
        cloth = Image.fromarray(render(_NAMES[rng.integers(len(_NAMES))], int(rng.integers(10_000)), (h, w)))
        edge = Image.new("L", (w, h), 255) if touching else _pinked(w, h, rng)
        shadow = edge.filter(ImageFilter.GaussianBlur(3)).point(lambda value: round(value * 0.45))
        board.paste((40, 38, 36), (left + 3, top + 4), shadow)
        board.paste(cloth, (left, top), edge)
        found.append((left, top, left + w, top + h))
        if labels:
            _label(board, left, top + h + round(cell_height * 0.03), w, round(cell_height * 0.13), rng)
    return found


def _pinked(width: int, height: int, rng: Rng) -> Image.Image:
    """A mask with edges as pinking shears cut them, or straight ones."""
    mask = Image.new("L", (width, height), 0)
    tooth = 0 if rng.random() < 0.4 else max(2, round(0.02 * min(width, height)))
    if not tooth:
        mask.paste(255, (0, 0, width, height))
        return mask
    across = list(range(0, width + tooth, tooth))
    down = list(range(0, height + tooth, tooth))
    points = [(x, tooth * (n % 2)) for n, x in enumerate(across)]
    points += [(width - 1 - tooth * (n % 2), y) for n, y in enumerate(down)]
    points += [(x, height - 1 - tooth * (n % 2)) for n, x in enumerate(across[::-1])]
    points += [(tooth * (n % 2), y) for n, y in enumerate(down[::-1])]
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in points], fill=255)
    return mask


def _label(board: Image.Image, left: int, top: int, width: int, height: int, rng: Rng) -> None:
    """Writing below a swatch, on the ground itself or on a slip of paper."""
    draw = ImageDraw.Draw(board)
    if rng.random() < 0.5:
        draw.rectangle((left, top, left + round(width * 0.8), top + height), fill=(246, 245, 240))
    ink = (30, 30, 60) if np.asarray(board.getpixel((left + 2, top + 2))).mean() > 90 else (235, 235, 235)
    font = ImageFont.load_default(size=max(9, round(height * 0.6)))
    draw.text((left + 4, top + 2), f'No. {rng.integers(1000, 9999)}  57/58"', fill=ink, font=font)


def _ground(name: str, height: int, width: int, rng: Rng, like: Image.Image | None = None) -> Picture:
    if name == "white":
        return np.full((height, width, 3), (244, 243, 239), np.uint8)
    if name == "grey":
        return np.full((height, width, 3), (128, 130, 132), np.uint8)
    # Boards of wood: rings drawn out along the grain.
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    bent = down * 26 + 0.9 * np.sin(across * 5 + rng.uniform(0, 6)) + 0.35 * np.sin(across * 17 + down * 9)
    fine = Image.fromarray((rng.random((height, max(2, width // 60))) * 255).astype(np.uint8))
    grain = np.asarray(fine.resize((width, height), Image.Resampling.BICUBIC)) / 255 - 0.5
    tone = 1 + 0.07 * np.sin(bent * 2 * np.pi / 3) + 0.12 * grain
    return np.asarray(np.clip(np.array([176.0, 132.0, 88.0]) * tone[..., None], 0, 255)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A board turned about its middle by `degrees` and made smaller."""

    degrees: float
    scale: float
    size: tuple[int, int]

    def picture(self, board: Image.Image, behind: Image.Image, on_table: bool, ground: str) -> Image.Image:
        width, height = self.size
        small = board.resize((round(width * self.scale), round(height * self.scale)), Image.Resampling.LANCZOS)
        turned = small.convert("RGBA").rotate(self.degrees, Image.Resampling.BICUBIC, expand=True)
        if not on_table:
            if ground == "wood":
                # Grain that ends at the card's corners would be a table: the same wood, mirrored beyond them.
                wide = np.pad(np.asarray(board), ((height // 4,) * 2, (width // 4,) * 2, (0, 0)), mode="reflect")
                whole = Image.fromarray(wide).rotate(self.degrees, Image.Resampling.BICUBIC)
                edge = (width // 4, height // 4)
                return whole.crop((*edge, edge[0] + width, edge[1] + height))
            behind = Image.new("RGB", self.size, board.getpixel((0, 0)))
        seen = behind.copy()
        at = ((width - turned.width) // 2, (height - turned.height) // 2)
        seen.paste(turned, at, turned)
        return seen

    def box(self, place: tuple[int, int, int, int]) -> Box:
        """Around the turned place."""
        width, height = self.size
        left, top, right, bottom = place
        turn = np.radians(self.degrees)
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) - np.array(self.size) / 2
        x = (corners[:, 0] * np.cos(turn) + corners[:, 1] * np.sin(turn)) * self.scale + width / 2
        y = (corners[:, 1] * np.cos(turn) - corners[:, 0] * np.sin(turn)) * self.scale + height / 2
        x, y = np.clip(x, 0, width), np.clip(y, 0, height)
        return Box(float(x.min() / width), float(y.min() / height), float(np.ptp(x) / width), float(np.ptp(y) / height))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0…1."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    both = max(0.0, across) * max(0.0, down)
    return both / (one.width * one.height + other.width * other.height - both)
