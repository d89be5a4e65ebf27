"""An upload that another page continues: what the earlier one had on its way counts no second time."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Request, Route, expect

from tests.browser.sending import PATIENCE, arrived, choose, make_photos, visit
from tests.cutting_proxy import CuttingProxy
from tests.product import Product

pytestmark = pytest.mark.slow


def test_a_request_that_arrives_after_the_reload(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path
) -> None:
    make_photos(tmp_path / "late", 100, 41)
    context, page = visit(browser, proxy)
    page.on("dialog", lambda dialog: dialog.accept())
    held: list[Request] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route.request)

    def late(route: Route) -> None:
        # It reaches the server once the new page knows what has arrived.
        if len(answers) < len(held):
            body, kind = held[0].post_data_buffer, held[0].headers["content-type"]
            where = f"{product.url}{urlsplit(held[0].url).path}"
            answers.append(requests.post(where, data=body, headers={"Content-Type": kind}, timeout=60))
        route.continue_()

    answers: list[requests.Response] = []
    page.route("**/uploads/*/photos", hold_first)
    page.goto("/")
    choose(page, tmp_path / "late", 100)
    page.click("#send")
    expect(page.locator("#sent")).to_contain_text("60 of 100 photos", timeout=PATIENCE)
    page.reload()
    page.route("**/uploads/*/offer", late)
    expect(page.locator("#interrupted")).to_contain_text("60 of 100", timeout=PATIENCE)
    choose(page, tmp_path / "late", 100)
    page.click("#send")
    assert sorted(arrived(product, page)) == [f"late/{n:04}.png" for n in range(100)]
    assert [answer.status_code for answer in answers] == [409]
    context.close()


def test_two_windows_continue_one_upload(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path
) -> None:
    make_photos(tmp_path / "windows", 60, 42)
    context, first = visit(browser, proxy)
    first.route("**/uploads/*/photos", lambda route: route.abort())
    first.goto("/")
    choose(first, tmp_path / "windows", 60)
    first.click("#send")
    expect(first.locator("#trouble")).to_contain_text("No connection", timeout=PATIENCE)
    second = context.new_page()
    second.set_default_timeout(PATIENCE)
    second.route("**/uploads/*/finish", lambda route: route.abort())
    second.goto("/")
    choose(second, tmp_path / "windows", 60)
    second.click("#send")
    expect(second.locator("#trouble")).to_contain_text("No connection", timeout=PATIENCE)
    first.unroute("**/uploads/*/photos")
    expect(first.locator("#upload-failed")).to_contain_text("another window", timeout=PATIENCE)
    expect(first.locator("#interrupted")).to_contain_text("60 of 60", timeout=PATIENCE)
    second.unroute("**/uploads/*/finish")
    assert sorted(arrived(product, second)) == [f"windows/{n:04}.png" for n in range(60)]
    context.close()
