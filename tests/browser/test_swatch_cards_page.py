"""A photo of a swatch card is uploaded by the page, and its swatches come as photos of their own."""

from __future__ import annotations

import re
from pathlib import Path

import requests
from playwright.sync_api import Page, expect

from scripts.lab.bench.card_photos import card
from scripts.render import jpeg, save_jpeg
from tests.product import Product


def test_each_swatch_is_a_photo_of_its_own(page: Page, tmp_path: Path) -> None:
    save_jpeg(tmp_path / "card.jpg", card(4, "white", 1, size=(600, 800)).pixels)
    page.goto("/")
    page.set_input_files("#files", [tmp_path / "card.jpg"])
    page.check("#upload [name=split]")
    page.click("#send")
    page.wait_for_url(re.compile(r"/jobs/[0-9a-z]{13}"))
    expect(page.locator("article.item")).to_have_count(4, timeout=60_000)
    expect(page.locator("article.item .file").first).to_have_text("card-swatch-01.jpg")
    about = page.locator("article.item").first.locator(".about-photo")
    about.locator("summary").click()
    expect(about).to_contain_text(re.compile(r"\d+–\d+ % × \d+–\d+ %"))


def test_a_part_that_is_drawn_by_hand_is_classified(page: Page, product: Product) -> None:
    files = [("files", ("table.jpg", jpeg(card(4, "white", 2, size=(600, 800)).pixels)))]
    made = requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=60).json()["id"]
    page.goto(f"/jobs/{made}")
    expect(page.locator("#grid .item")).to_have_count(1)
    page.click("#part-0")
    classify = page.locator("#crop-classify")
    expect(classify).to_be_visible()
    page.keyboard.press("Escape")
    expect(classify).to_be_hidden()
    page.click("#crop-begin")
    classify.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs/[0-9a-z]{13}"))
    expect(page.locator("article.item")).to_have_count(1)
    expect(page.locator("article.item .file")).to_have_text("table.jpg (25–75 % × 25–75 %)")
    expect(page.locator("article.item .candidates li")).to_have_count(3)
