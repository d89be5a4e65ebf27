"""Without JavaScript: what needs it is not shown, times can be read, and a correction is saved."""

from __future__ import annotations

import re

import requests
from playwright.sync_api import Browser, expect

from tests.browser.test_job_page import finished, submit
from tests.product import Product


def test_a_job_without_scripts(browser: Browser, product: Product) -> None:
    job = submit(product, 3, "unscripted")
    finished(product, job)
    context = browser.new_context(base_url=product.url, locale="en-US", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/jobs/{job}")
    expect(page.locator("time").first).to_have_text(re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"))
    for needs in ("#select-all", ".steer", ".verdict-buttons >> nth=0", "#acts"):
        expect(page.locator(needs)).to_be_hidden()
    page.click("#change-1")
    page.fill("#label-1", "stripe-1")
    page.click("#item-1 .correct button[type=submit]")
    item = requests.get(f"{product.url}/api/v1/jobs/{job}/items", timeout=30).json()["items"][1]
    assert item["final_label"] == "stripe-1"
    page.goto("/")
    expect(page.get_by_text("Drop photos, a folder or a zip here")).to_be_hidden()
    context.close()
