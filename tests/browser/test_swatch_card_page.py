"""The whole card of a swatch: all of its boxes where they lie, each of them a link, on a desk and on a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.lab.bench.card_photos import card, overlap
from scripts.render import save_jpeg
from shared.photos.box import Box
from tests.bank_api import call
from tests.browser.conftest import visiting
from tests.product import Product, eventually


@pytest.fixture(scope="module")
def job(product: Product) -> tuple[str, list[Box]]:
    """A folder job of one card, and where its swatches are."""
    made = card(4, "white", 5, size=(600, 800))
    folder = product.photos / "shown-on-card"
    folder.mkdir(parents=True)
    save_jpeg(folder / "card.jpg", made.pixels)
    asked = call(product, "POST", "/jobs/folder", {"path": str(folder), "split": "swatches"})
    eventually(lambda: call(product, "GET", f"/jobs/{asked['id']}")["state"] == "finished", what="the job's end")
    return asked["id"], made.swatches


def test_the_folder_form_cuts_cards(page: Page, product: Product) -> None:
    folder = product.photos / "form-of-cards"
    folder.mkdir(parents=True)
    save_jpeg(folder / "card.jpg", card(4, "white", 1, size=(450, 600)).pixels)
    page.goto("/")
    page.locator("summary", has_text="A folder on the server").click()
    page.fill("#folder-path", str(folder))
    page.check("form[action='/folder'] [name=split]")
    page.get_by_role("button", name="Classify folder").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-z]{13}"))
    expect(page.locator("article.item")).to_have_count(4)


def test_the_boxes_lie_on_their_swatches(page: Page, job: tuple[str, list[Box]]) -> None:
    page.goto(f"/jobs/{job[0]}")
    page.locator("#card-2").click()
    boxes = page.locator(".whole-card a")
    expect(boxes).to_have_count(4)
    photo = page.locator(".whole-card > img")
    page.wait_for_function("document.querySelector('.whole-card > img').naturalWidth > 0")
    whole = photo.bounding_box()
    assert whole is not None
    for n, known in enumerate(job[1]):
        seen = boxes.nth(n).locator("rect").bounding_box()
        assert seen is not None
        # Without the line around it.
        share = Box(
            (seen["x"] - whole["x"]) / whole["width"],
            (seen["y"] - whole["y"]) / whole["height"],
            seen["width"] / whole["width"],
            seen["height"] / whole["height"],
        )
        assert overlap(share, known) >= 0.65
    expect(page.locator(".whole-card a[aria-current=true]")).to_have_count(1)
    expect(boxes.nth(2)).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("group", name="Swatches on the card").get_by_role("link")).to_have_count(4)
    expect(boxes.nth(3)).to_have_attribute("aria-label", re.compile(r"^4: \S"))
    boxes.nth(3).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/review\?at=3"))
    shown = page.locator(".review-photo:not([hidden])")
    expect(shown).to_have_attribute("aria-label", "card-swatch-04.jpg")
    shown.locator(".on-card").click()
    expect(boxes.nth(3)).to_have_attribute("aria-current", "true")


def test_on_a_phone_in_chinese(browser: Browser, product: Product, job: tuple[str, list[Box]], tmp_path: Path) -> None:
    with visiting(browser, product) as page:
        page.set_viewport_size({"width": 375, "height": 800})
        page.goto(f"/jobs/{job[0]}/items/0/card?lang=zh")
        expect(page.locator("h1")).to_have_text("色卡")
        expect(page.locator(".meta")).to_contain_text("4 块布样")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        for link in page.locator(".card-swatches a").all():
            place = link.bounding_box()
            assert place is not None
            assert place["height"] >= 44


def test_a_photo_that_is_no_swatch_has_no_card(page: Page, product: Product, photos: Path) -> None:
    made = call(product, "POST", "/jobs/folder", {"path": _moved(product, photos)})
    eventually(lambda: call(product, "GET", f"/jobs/{made['id']}")["state"] == "finished", what="the job's end")
    answer = page.goto(f"/jobs/{made['id']}/items/0/card")
    assert answer is not None
    assert answer.status == 404


def _moved(product: Product, photos: Path) -> str:
    target = product.photos / "no-cards"
    photos.rename(target)
    return str(target)
