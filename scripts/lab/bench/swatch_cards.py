"""How many swatches of composed cards are found: `python -m scripts.lab.bench.swatch_cards [--leather DIR] [--each N]`.

Cards of 4 to 20 swatches with gaps, labels, shadows, pinked edges, turned by up to 5 degrees, on white, grey and wood,
and white cards on a table; the same with swatches that touch each other. A swatch is found where a box overlaps it by
0.7 (intersection over union). Photos of one cloth each (renders of every class, alone and on a ground, and every photo
below DIR) tell how often one is cut that should not be.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.lab.bench.card_photos import GROUNDS, LAYOUTS, card, overlap
from scripts.render import CLASSES, render
from shared.core.documents import Document
from shared.photos.box import Box
from shared.photos.swatches import find

ENOUGH = 0.7


class CardFigures(Document):
    cards: int
    swatches: int
    found: int
    #: Boxes that are no swatch, or too little of one.
    false: int
    #: Mean of a card, processor time.
    milliseconds: float


class CutFigures(Document):
    photos: int
    #: Photos of one cloth that were cut.
    cut: int


class CardReport(Document):
    #: Ground → figures; `table`: a white card on wood.
    cards: dict[str, CardFigures]
    touching: dict[str, CardFigures]
    cloths: dict[str, CutFigures]


def on_ground(ground: str, each: int, touching: bool = False) -> CardFigures:
    swatches = found = false = 0
    spent = 0.0
    for count in LAYOUTS:
        # Other seeds than those that the limits were chosen by.
        for seed in range(100, 100 + each):
            board = "white" if ground == "table" else ground
            photo = card(count, board, seed, on_table=ground == "table", touching=touching)
            began = time.process_time()
            boxes = find(photo.pixels)
            spent += time.process_time() - began
            swatches += count
            found += sum(any(overlap(known, box) >= ENOUGH for box in boxes) for known in photo.swatches)
            false += sum(all(overlap(known, box) < ENOUGH for known in photo.swatches) for box in boxes)
    cards = len(LAYOUTS) * each
    milliseconds = round(1000 * spent / cards)
    return CardFigures(cards=cards, swatches=swatches, found=found, false=false, milliseconds=milliseconds)


def without_ground(each: int) -> CardFigures:
    """Touching swatches that reach the picture's edge."""
    swatches = found = false = 0
    began = time.process_time()
    for count, (rows, columns) in LAYOUTS.items():
        for seed in range(100, 100 + each):
            photo = card(count, "white", seed, turned=False, touching=True)
            height, width = photo.pixels.shape[:2]
            hull = [f(getattr(one, side) for one in photo.swatches) for f, side in ((min, "x"), (min, "y"))]
            left, top = round(hull[0] * width), round(hull[1] * height)
            boxes = find(photo.pixels[top : height - top, left : width - left])
            known = [Box(c / columns, r / rows, 1 / columns, 1 / rows) for r in range(rows) for c in range(columns)]
            swatches += count
            found += sum(any(overlap(one, box) >= ENOUGH for box in boxes) for one in known)
            false += sum(all(overlap(one, box) < ENOUGH for one in known) for box in boxes)
    cards = len(LAYOUTS) * each
    milliseconds = round(1000 * (time.process_time() - began) / cards)
    return CardFigures(cards=cards, swatches=swatches, found=found, false=false, milliseconds=milliseconds)


def cut(photos: Iterable[NDArray[np.uint8]]) -> CutFigures:
    told = [bool(find(photo)) for photo in photos]
    return CutFigures(photos=len(told), cut=sum(told))


def _mounted(cloth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One cloth on white card."""
    board = Image.new("RGB", (800, 640), (244, 243, 239))
    board.paste(Image.fromarray(cloth), (130, 115))
    return np.asarray(board)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leather", type=Path, help="a folder of photos of one cloth each")
    parser.add_argument("--each", type=int, default=4, help="cards of each size and ground")
    wished = parser.parse_args()
    cards = {ground: on_ground(ground, wished.each) for ground in (*GROUNDS, "table")}
    touching = {ground: on_ground(ground, wished.each, touching=True) for ground in (*GROUNDS, "table")}
    touching["none"] = without_ground(wished.each)
    alone = [render(name, seed, (400, 533)) for name in sorted(CLASSES) for seed in range(100, 104)]
    cloths = {"renders": cut(alone), "renders on a ground": cut(map(_mounted, alone))}
    if wished.leather:
        paths = sorted(p for p in wished.leather.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        cloths["leather"] = cut(np.asarray(Image.open(path).convert("RGB")) for path in paths)
    print(CardReport(cards=cards, touching=touching, cloths=cloths).model_dump_json(indent=2))


if __name__ == "__main__":
    main()
