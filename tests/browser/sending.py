"""Photos to send from the start page over a slow link, and what became of them."""

from __future__ import annotations

import random
import re
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.cutting_proxy import CuttingProxy
from tests.product import Product, eventually

JOB = re.compile(r"/jobs/[0-9a-z]{13}")
#: Milliseconds that anything may take on a slow machine.
PATIENCE = 600_000


def make_photos(folder: Path, count: int, seed: int) -> int:
    """Photos of noise, each another; returns their bytes."""
    folder.mkdir()
    rng = random.Random(seed)
    for n in range(count):
        Image.frombytes("RGB", (64, 64), rng.randbytes(64 * 64 * 3)).save(folder / f"{n:04}.png")
    return sum(path.stat().st_size for path in folder.iterdir())


def visit(browser: Browser, proxy: CuttingProxy, locale: str = "en-US") -> tuple[BrowserContext, Page]:
    context = browser.new_context(base_url=proxy.url, locale=locale)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    return context, page


def choose(page: Page, folder: Path, count: int) -> None:
    page.set_input_files("#folder", folder)
    expect(page.locator("#count")).to_have_text(f"{count:,}", timeout=PATIENCE)


def arrived(product: Product, page: Page) -> list[str]:
    """Names of the photos of the job that the page has come to, once it has ended."""
    page.wait_for_url(JOB, timeout=PATIENCE, wait_until="commit")
    job = page.url.rpartition("/")[2].partition("?")[0]
    api = f"{product.url}/api/v1/jobs/{job}"
    eventually(lambda: requests.get(api, timeout=60).json()["state"] == "finished", 600, "the end of the job")
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": 1000, **({"cursor": cursor} if cursor else {})}
        answer = requests.get(f"{api}/items", params=query, timeout=60).json()
        names += [item["name"] for item in answer["items"]]
        cursor = answer["next"]
    return names
