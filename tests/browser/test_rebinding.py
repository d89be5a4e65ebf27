"""A page whose name was made to point here reads nothing."""

from __future__ import annotations

import os
import shutil

from playwright.sync_api import sync_playwright

from tests.product import Product


def test_a_name_that_was_made_to_point_here(product: Product) -> None:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", rules])
        page = browser.new_page()
        foreign = f"http://evil.example:{product.settings.port}"
        answer = page.goto(foreign + "/")
        assert answer is not None
        assert answer.status == 421
        assert "WEFT_ALLOWED_HOSTS" in page.content()
        # Same-origin to the browser, so nothing but the server stops it.
        read = "async (path) => { const r = await fetch(path); return [r.status, (await r.json()).code] }"
        assert page.evaluate(read, "/api/v1/jobs") == [421, "host_not_allowed"]
        own = page.goto(product.url + "/")
        assert own is not None
        assert own.ok
        browser.close()
