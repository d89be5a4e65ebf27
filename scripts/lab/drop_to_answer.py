"""How long one photo takes from the drop to the answer in sight: `python -m scripts.lab.drop_to_answer`.

In Chromium, on a demo of its own (or `--url`): a photo that nobody has seen is dropped on the start page, sent, and its
card with a class awaited. `send` is from the button, `drop` from the drop itself; the API's own time for the same photo
(`POST /classify`, without a browser) stands beside it. Milliseconds, median and the slowest of `--photos`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import requests
from playwright.sync_api import Page, expect, sync_playwright

from scripts.lab.pictures import FIRST_DESIGN, demo
from scripts.render import CLASSES, render_view, save_jpeg

#: Pixels of a photo's side: about one megapixel.
SIDE = 1024
#: Milliseconds that an answer may take on a busy machine.
PATIENCE = 60_000


def dropped(page: Page, address: str, photo: Path) -> tuple[float, float]:
    """Milliseconds from the drop, and from the button, until the photo's card with an answer is in sight.

    Raises LookupError.
    """
    page.goto(f"{address}/?lang=en")
    box = page.locator("#drop").bounding_box()
    if box is None:
        raise LookupError("the page has nothing to drop photos on")
    # As a hand would do it: a page cannot make such a drop itself.
    hand = page.context.new_cdp_session(page)
    what = {"items": [], "files": [str(photo)], "dragOperationsMask": 1}
    began = time.perf_counter()
    for kind in ("dragEnter", "dragOver", "drop"):
        hand.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 50, "y": box["y"] + 50, "data": what})
    expect(page.locator("#send")).to_be_enabled(timeout=PATIENCE)
    sent = time.perf_counter()
    page.click("#send")
    page.wait_for_url("**/jobs/*", timeout=PATIENCE)
    expect(page.locator("#item-0 h3")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#item-0 meter")).to_be_attached(timeout=PATIENCE)
    ended = time.perf_counter()
    return 1000 * (ended - began), 1000 * (ended - sent)


def classified(address: str, photo: Path) -> float:
    """Milliseconds of the API alone."""
    began = time.perf_counter()
    with photo.open("rb") as data:
        requests.post(f"{address}/api/v1/classify", files={"file": data}, timeout=300).raise_for_status()
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running Weft, in place of a demo of its own")
    parser.add_argument("--photos", type=int, default=15)
    asked = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    names = sorted(CLASSES)
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        rows = []
        with nullcontext(asked.url) if asked.url else demo(Path(work)) as address:
            # The first shows the page's scripts and pictures to the browser's cache.
            for number in range(asked.photos + 1):
                pair = [Path(work) / f"{number}-{way}.jpg" for way in ("page", "api")]
                for way, photo in enumerate(pair):
                    design = FIRST_DESIGN + time.time_ns() % 1_000_000 + way
                    save_jpeg(photo, render_view(names[number % len(names)], design, 0, SIDE))
                rows.append((*dropped(page, address, pair[0]), classified(address, pair[1])))
        browser.close()
    for what, values in zip(("drop", "send", "API"), zip(*rows[1:], strict=True), strict=True):
        print(f"{what:5} median {statistics.median(values):6.0f} ms, slowest {max(values):6.0f} ms")


if __name__ == "__main__":
    main()
