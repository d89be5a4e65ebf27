"""An upload whose very first request is refused says why at once, and goes on by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect

from shared.core.i18n import gettext
from shared.core.messages import SENTENCES
from tests.product import Product


@pytest.mark.parametrize(("locale", "lang", "goes_on"), [("en-US", "en", "by itself"), ("zh-CN", "zh", "自动继续上传")])
def test_a_full_disk_is_said_before_the_upload_exists(
    browser: Browser, product: Product, tmp_path: Path, locale: str, lang: str, goes_on: str
) -> None:
    Image.effect_noise((80, 80), 60).save(tmp_path / "cloth.png")
    words = gettext(SENTENCES["disk_full"], lang)
    context = browser.new_context(base_url=product.url, locale=locale)
    page = context.new_page()
    page.set_default_timeout(60_000)

    def full(route: Route) -> None:
        document = json.dumps({"code": "disk_full", "detail": words})
        route.fulfill(status=503, content_type="application/problem+json", body=document)

    page.route("**/api/v1/uploads", full)
    page.goto("/")
    page.set_input_files("#files", tmp_path / "cloth.png")
    page.click("#send")
    expect(page.locator("#trouble")).to_be_visible()
    expect(page.locator("#trouble")).to_contain_text(words)
    expect(page.locator("#trouble")).to_contain_text(goes_on)
    expect(page.locator("#sent")).to_contain_text("0")
    # There is room again: the same photo goes, without another click.
    page.unroute("**/api/v1/uploads", full)
    page.wait_for_url("**/jobs/*", wait_until="commit")
    context.close()


def test_without_a_network_it_is_said_too(browser: Browser, product: Product, tmp_path: Path) -> None:
    Image.effect_noise((80, 80), 60).save(tmp_path / "cloth.png")
    context = browser.new_context(base_url=product.url, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/")
    page.set_input_files("#files", tmp_path / "cloth.png")
    context.set_offline(True)
    page.click("#send")
    expect(page.locator("#trouble")).to_contain_text("No connection")
    context.set_offline(False)
    page.wait_for_url("**/jobs/*", wait_until="commit")
    context.close()
