"""The README's pictures: `python -m scripts.lab.pictures` starts the demo, uploads rendered photos, and takes them.

Of upload, job, review and bank, each in English and Chinese, as WebP in `docs/images/`. Needs Chromium (CHROMIUM names
it, else the one of the system) and a few minutes; nothing but the pictures stays behind.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import requests
from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from scripts.render import CLASSES, render_view, save_jpeg

ROOT = Path(__file__).resolve().parents[2]
#: Pixels of the window, and of a photo's side.
WINDOW: ViewportSize = {"width": 1280, "height": 860}
PHOTO = 720
#: Photos of the job; their designs are none of the demo bank's.
PHOTOS, FIRST_DESIGN = 36, 9_000
NAMES = {"en": "Autumn swatches", "zh": "秋季面料"}
#: Bytes that a picture may have.
MOST_BYTES = 200_000
#: Seconds that the demo may take to build its bank, and a job to end.
PATIENCE = 1200


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """Address of a demo of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEFT_")}
    env |= {"WEFT_DATA_DIR": str(folder / "data"), "WEFT_PORT": str(port), "WEFT_FOLDER_ROOTS": str(folder / "photos")}
    process = subprocess.Popen([sys.executable, "-m", "scripts.cli", "up", "--demo"], env=env, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        until("the demo's bank", lambda: bool(asked(address, "/bank")["classes"]))
        until("the demo's worker", lambda: any(w["state"] == "ready" for w in asked(address, "/workers")["workers"]))
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def until(what: str, holds: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(requests.RequestException, KeyError):
            if holds():
                return
        time.sleep(1)
    raise TimeoutError(what)


def asked(address: str, path: str) -> Any:
    return requests.get(f"{address}/api/v1{path}", timeout=30).json()


def make_photos(folder: Path) -> list[Path]:
    """Rendered photos of many classes, some harder to tell than others."""
    folder.mkdir(parents=True)
    names = sorted(CLASSES)
    paths = []
    for n in range(PHOTOS):
        name = names[n * 7 % len(names)]
        paths.append(folder / f"IMG_{2400 + 3 * n}.jpg")
        save_jpeg(paths[-1], render_view(name, FIRST_DESIGN + n, 0, PHOTO, wild=1.0 + n % 3 / 2))
    return paths


def take(page: Page, out: Path, name: str) -> None:
    """What the window shows, once its pictures are there."""
    page.wait_for_load_state("networkidle")
    shot = Image.open(io.BytesIO(page.screenshot()))
    for quality in (85, 75, 65, 50):
        target = out / f"{name}.webp"
        shot.save(target, "WEBP", quality=quality, method=6)
        if target.stat().st_size < MOST_BYTES:
            return
    raise ValueError(f"{name} has more than {MOST_BYTES} bytes")


def pictures(page: Page, address: str, photos: list[Path], out: Path, lang: str) -> None:
    """All four in one language; a job of its own is made for each."""
    page.goto(f"{address}/?lang={lang}")
    page.set_input_files("#files", photos)
    page.fill("#upload [name=name]", NAMES[lang])
    take(page, out, f"upload-{lang}")
    page.click("#send")
    page.wait_for_url("**/jobs/*")
    job = page.url.rpartition("/")[2].partition("?")[0]
    until("the job's end", lambda: asked(address, f"/jobs/{job}")["state"] == "finished")
    page.goto(f"{address}/jobs/{job}")
    # The answers, with the heading above them.
    page.evaluate("scrollTo(0, document.getElementById('results-title').offsetTop - 24)")
    take(page, out, f"job-{lang}")
    page.goto(f"{address}/jobs/{job}/review?sort=confidence")
    page.wait_for_timeout(1000)
    take(page, out, f"review-{lang}")
    page.goto(f"{address}/bank")
    take(page, out, f"bank-{lang}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--url", help="a running Weft, in place of a demo of its own")
    parser.add_argument("--photos", type=Path, help="photos to upload, in place of rendered ones")
    asked_for = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        given = asked_for.photos
        photos = sorted(given.iterdir()) if given else make_photos(Path(work) / "photos")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with nullcontext(asked_for.url) if asked_for.url else demo(Path(work)) as address:
            for lang in NAMES:
                page = browser.new_page(viewport=WINDOW, locale="zh-CN" if lang == "zh" else "en-US")
                pictures(page, address, photos, asked_for.out, lang)
        browser.close()


if __name__ == "__main__":
    main()
