"""A page whose name was made to point here reads nothing."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.browser.conftest import FOREIGN
from tests.product import Product


def test_a_name_that_was_made_to_point_here(browser: Browser, product: Product) -> None:
    page = browser.new_page()
    answer = page.goto(f"http://{FOREIGN}:{product.settings.port}/")
    assert answer is not None
    assert answer.status == 421
    assert "WEFT_ALLOWED_HOSTS" in page.content()
    # Same-origin to the browser, so nothing but the server stops it.
    read = "async (path) => { const r = await fetch(path); return [r.status, (await r.json()).code] }"
    assert page.evaluate(read, "/api/v1/jobs") == [421, "host_not_allowed"]
    own = page.goto(product.url + "/")
    assert own is not None
    assert own.ok
    page.close()
