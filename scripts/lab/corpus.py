"""Any folder of files through Weft's decoder and Chromium's: `make corpus DIR=folder`. Prints where they differ.

A file counts as different where one of them refuses it, or where the colours of the whole picture, scaled to a small
square on white, are further apart than `--limit` grey levels on average. Needs the `dev` packages and a Chromium.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from shared.core.errors import PhotoError
from shared.encoder.preprocessing import Preprocessing
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task, no_values

#: Pixels that both draw into, and of the blocks whose mean colours are compared: filters differ in the details.
SIDE, BLOCK = 64, 8
#: The whole picture in a small square, whatever its shape, drawn on white and read back as PNG.
DRAW = """async ([data, side]) => {
    const image = new Image();
    image.src = `data:;base64,${data}`;
    try { await image.decode(); } catch { return null; }
    const canvas = new OffscreenCanvas(side, side);
    const pen = canvas.getContext('2d');
    pen.fillStyle = 'white';
    pen.fillRect(0, 0, side, side);
    pen.imageSmoothingQuality = 'high';
    pen.drawImage(image, 0, 0, side, side);
    const blob = await canvas.convertToBlob();
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
}"""


def seen_by_chromium(page: Page, data: bytes) -> NDArray[np.uint8] | None:
    """RGB, uint8 [SIDE, SIDE, 3]; None where Chromium shows nothing."""
    drawn = page.evaluate(DRAW, [base64.b64encode(data).decode(), SIDE])
    if drawn is None:
        return None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn))).convert("RGB"))


def seen_by_weft(pool: DecodePool, data: bytes) -> NDArray[np.uint8] | str:
    """RGB, uint8 [SIDE, SIDE, 3], or the code of the failure."""
    try:
        return pool.decode(data, thumbnail=False).arrays[0]
    except PhotoError as error:
        return error.code


def blocks(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean colours of the blocks of a picture."""
    count = SIDE // BLOCK
    means: NDArray[np.float64] = rgb.reshape(count, BLOCK, count, BLOCK, 3).mean(axis=(1, 3))
    return means


def compared(files: list[Path], pool: DecodePool, page: Page, limit: float) -> Iterator[tuple[Path, str, str]]:
    """(file, kind of difference, words) of every file; the kind is empty where both agree."""
    for path in files:
        data = path.read_bytes()
        ours, theirs = seen_by_weft(pool, data), seen_by_chromium(page, data)
        if isinstance(ours, str):
            shown = "Chromium shows it" if theirs is not None else "Chromium refuses it, too"
            yield path, "refused" if theirs is not None else "", f"{ours}; {shown}"
        elif theirs is None:
            yield path, "read here only", "Chromium does not show it"
        else:
            apart = float(np.abs(blocks(ours) - blocks(theirs)).mean())
            yield path, "colours" if apart > limit else "", f"{apart:.1f} grey levels apart"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, default=3.0, help="grey levels, mean over the picture")
    parser.add_argument("--chromium", default="", help="program; default: Playwright's own, or /usr/bin/chromium")
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.is_file())
    squash = Preprocessing((SIDE, SIDE), interpolation="bilinear", resize_mode="squash").apply
    task = Task(4 * SIDE, Limits(), (squash,), no_values, Confinement(2 << 30, 20.0))
    pool = DecodePool(1, task, budget=2 << 30, wall_seconds=120)
    installed = Path("/usr/bin/chromium")
    program = options.chromium or (str(installed) if installed.exists() else None)
    kinds: Counter[str] = Counter()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for path, kind, words in compared(files, pool, browser.new_page(), options.limit):
            kinds[kind or "agree"] += 1
            if kind:
                print(f"{kind:<15} {path.relative_to(options.folder)}: {words}")
        browser.close()
    pool.close()
    print(f"{len(files)} files: " + ", ".join(f"{number} {kind}" for kind, number in kinds.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
