"""The pages of the bank: check, set aside, add corrections, compare, publish, go back; on a phone and in Chinese."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bank_api import all_items, call, finished, submit_photos
from tests.browser.conftest import visiting
from tests.product import Product


@pytest.fixture
def page(browser: Browser, curated: Product) -> Iterator[Page]:
    """A visitor of the product whose bank tests may change; its first bank is in force again afterwards."""
    first = call(curated, "GET", "/bank")["version"]
    with visiting(browser, curated) as page:
        yield page
    call(curated, "POST", f"/bank/versions/{first}/publish")


def test_check_and_set_aside_what_it_finds(page: Page, curated: Product) -> None:
    page.goto("/bank")
    page.click(".tabs >> text=Check")
    page.click("text=Check now")
    # Stripes 64 pixels wide: smaller than what the engine looks at.
    finding = page.locator("details.finding", has_text="Too few pixels")
    expect(finding).to_be_visible(timeout=60_000)
    if not finding.evaluate("element => element.open"):
        finding.locator("summary").click()
    assert finding.locator("img").first.evaluate("image => image.complete ? image.naturalWidth : 1") > 0
    finding.locator("input[name=aside]").first.check()
    page.click("text=Exclude selected samples")
    expect(page.locator("h2", has_text="The new version is active")).to_be_visible(timeout=60_000)
    # Nothing polls any more.
    expect(page.locator("[data-poll]")).to_have_count(0)
    page.click("text=Compare")
    expect(page.locator("figure.set_aside")).to_have_count(1)
    page.click(".eyebrow a")
    expect(page.locator(".version.active")).to_contain_text("edited manually")
    page.locator("button", has_text="Roll back to").click()
    expect(page.locator(".version.active")).to_contain_text("built from a folder")


def test_a_correction_is_added_previewed_and_published(page: Page, curated: Product) -> None:
    job = submit_photos(curated, "corrected-in-the-page", 2)
    finished(curated, job)
    predicted = all_items(curated, job)[0]["label"]
    right = "stripe-0" if predicted != "stripe-0" else "stripe-1"
    page.goto(f"/jobs/{job['id']}")
    card = page.locator("article.item").first
    card.locator("summary").click()
    card.locator("input[name=label]").fill(right)
    card.locator("text=Save").click()
    expect(card.locator(".tag")).to_have_text("Corrected")
    card.locator("summary").click()
    card.locator("text=Add to the bank").click()
    row = page.locator("label.pickable", has_text="corrected-in-the-page")
    expect(row).to_contain_text(f"instead of {predicted}")
    expect(row.locator("input")).to_be_checked()
    page.locator("input[name=publish]").uncheck()
    page.click("text=Add selected photos")
    expect(page.locator("h2", has_text="A new version is ready")).to_be_visible(timeout=60_000)
    page.click("text=What would change?")
    expect(page.locator("h2", has_text="photos would get a different result")).to_be_visible(timeout=60_000)
    page.click("button >> text=Make active")
    expect(page.locator(".version.active")).to_contain_text("with corrections added")
    page.goto(f"/bank/classes/{right}")
    expect(page.locator("label.pickable")).to_have_count(7)


def test_cleaning(page: Page) -> None:
    page.goto("/bank/check")
    page.fill("[name=keep]", "4")
    page.click("button >> text=Preview")
    expect(page.locator("h2", has_text="samples would be excluded")).to_be_visible(timeout=60_000)
    page.click("text=Create this version")
    expect(page.locator("h2", has_text="The new version is active")).to_be_visible(timeout=60_000)
    page.goto("/bank/classes/stripe-0")
    aside = page.locator(".put-aside label.pickable")
    before = aside.count()
    assert before > 0
    aside.first.locator("input").check()
    page.click("text=Apply: exclude or restore selected samples")
    expect(page.locator("h2", has_text="The new version is active")).to_be_visible(timeout=60_000)
    page.goto("/bank/classes/stripe-0")
    expect(aside).to_have_count(before - 1)


@pytest.mark.parametrize("address", ["/bank/versions", "/bank/check", "/bank/corrections", "/bank/classes/stripe-0"])
def test_a_phone_never_scrolls_sideways(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{address}?lang=zh")
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
