"""A page asks less often when the server is slow or away, says so, and follows again when it is back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.product import Product


@pytest.fixture
def page(browser: Browser, product: Product) -> Iterator[Page]:
    """A visitor whose browser may complain of refusals, but of no error in the page's code."""
    errors: list[str] = []
    context = browser.new_context(base_url=product.url, locale="en-US")
    visited = context.new_page()
    visited.on("pageerror", lambda error: errors.append(str(error)))
    yield visited
    context.close()
    assert errors == []


@pytest.mark.long
def test_a_page_asks_less_often_while_the_server_is_busy(page: Page) -> None:
    page.goto("/workers")
    asked: list[float] = []

    def busy(route: Route) -> None:
        if "hx-request" not in route.request.headers:
            route.continue_()
            return
        asked.append(time.monotonic())
        route.fulfill(status=503, content_type="application/problem+json", body='{"detail": "busy"}')

    page.route("**/workers", busy)
    page.evaluate("document.querySelector('[data-poll]').dataset.poll = '0.2'")
    expect(page.locator("#slow")).to_be_visible()
    expect(page.locator("#slow")).to_contain_text("The server is slow")
    page.wait_for_timeout(4000)
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses[-1] > 2 * pauses[0]
    page.unroute("**/workers", busy)
    # Half as long after each quick answer.
    expect(page.locator("#slow")).to_be_hidden(timeout=60_000)


def test_a_page_waits_as_long_as_the_server_asks_for(page: Page) -> None:
    page.goto("/workers")
    asked: list[float] = []

    def later(route: Route) -> None:
        if "hx-request" not in route.request.headers:
            route.continue_()
            return
        asked.append(time.monotonic())
        route.fulfill(status=503, headers={"Retry-After": "60"}, content_type="text/plain", body="")

    page.route("**/workers", later)
    page.evaluate("document.querySelector('[data-poll]').dataset.poll = '0.2'")
    page.wait_for_timeout(6000)
    assert len(asked) == 1
