"""A photo of a swatch card is uploaded by the page, and its swatches come as photos of their own."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from scripts.lab.bench.card_photos import card
from scripts.render import save_jpeg


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
