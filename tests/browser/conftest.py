"""A real Chromium for the pages; a test fails on anything the browser complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.cutting_proxy import CuttingProxy
from tests.product import Product

FOREIGN = "evil.example"
#: On a busy machine everything comes, but late.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names; playwright's own is never downloaded."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        # A foreign name that its owner has made to point at this machine.
        rebound = f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1"
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", rebound])
        yield found
        found.close()


@contextmanager
def visiting(browser: Browser, product: Product, **more: Any) -> Iterator[Page]:
    """A fresh visitor who reads English; `page.goto("/jobs")` is relative to the product. `more`: for the context."""
    complaints: list[str] = []
    context = browser.new_context(base_url=product.url, locale="en-US", viewport={"width": 1200, "height": 900}, **more)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # Refusals and thumbnails that are not made yet are logged, too, and are no fault of the page.
    page.on(
        "console", lambda m: complaints.append(m.text) if m.type == "error" and "status of 4" not in m.text else None
    )
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def page(browser: Browser, product: Product) -> Iterator[Page]:
    """A visitor of the product that all tests share."""
    with visiting(browser, product) as page:
        yield page


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of six photos, one of them deeper, beside a note that is none."""
    folder = tmp_path / "swatches"
    (folder / "deeper").mkdir(parents=True)
    for n in range(6):
        target = folder / ("deeper" if n == 5 else ".") / f"{n}.png"
        Image.new("RGB", (80, 60), (40 * n, 90, 200 - 30 * n)).save(target)
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture
def proxy(product: Product) -> Iterator[CuttingProxy]:
    """A slow way to the product, which may be cut."""
    found = CuttingProxy(product.settings.port, bytes_per_second=1_500_000)
    yield found
    found.close()
