"""`python -m scripts.render --sheet out.png`: a contact sheet, a photo dump, or the speed of the renderer."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scripts.render import CLASSES, render_view, save_jpeg


def sheet(path: Path, names: list[str], designs: int, views: int, size: int, first: int, wild: float) -> None:
    """One row a class (or several classes a row when only one photo is asked for), names above."""
    shots = [(d, v) for d in range(first, first + designs) for v in range(views)]
    band = 14
    canvas = Image.new("RGB", (size * len(shots), (size + band) * len(names)), "white")
    pen = ImageDraw.Draw(canvas)
    for row, name in enumerate(names):
        pen.text((2, row * (size + band)), name, fill="black")
        for column, (design, view) in enumerate(shots):
            tile = Image.fromarray(render_view(name, design, view, size, wild=wild))
            canvas.paste(tile, (column * size, row * (size + band) + band))
    canvas.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet")
    parser.add_argument("--out", type=Path, help="write photos to OUT/<class>/<seed>.jpg")
    parser.add_argument("--speed", action="store_true", help="measure photos per second on one core")
    parser.add_argument("--classes", nargs="*", default=list(CLASSES))
    parser.add_argument("--designs", type=int, default=6)
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--wild", type=float, default=1.0)
    options = parser.parse_args()
    if options.sheet:
        sheet(options.sheet, options.classes, options.designs, options.views, options.size, options.first, options.wild)
    if options.out:
        for name in options.classes:
            for seed in range(options.first, options.first + options.designs):
                save_jpeg(
                    options.out / name / f"{seed:06d}.jpg", render_view(name, seed, 0, options.size, wild=options.wild)
                )
    if options.speed:
        for name in options.classes:
            for seed in range(6):
                render_view(name, seed, 0, options.size)
        spent = {}
        for name in options.classes:
            start = time.perf_counter()
            for seed in range(100, 110):
                render_view(name, seed, 0, options.size)
            spent[name] = (time.perf_counter() - start) / 10
        for name, seconds in sorted(spent.items(), key=lambda item: item[1]):
            print(f"{name:16s} {seconds * 1e3:6.1f} ms")
        print(f"mean {1 / np.mean(list(spent.values())):.1f} photos/s")


if __name__ == "__main__":
    main()
