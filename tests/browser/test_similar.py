"""More like this, and a name for photos that look alike: by mouse and by keyboard, in both languages."""

from __future__ import annotations

import io

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import Page, expect

from shared.bank.store import BankStore
from tests.large_jobs import add_vectors, archived_job
from tests.product import Product


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    """Photos 4, 14 … 94 of 300, none of them in the bank, are of one cloth."""
    made = archived_job(product.settings, 300, BankStore(product.settings).current() or "", "alike").id
    rng = np.random.default_rng(5)
    rows = {index: rng.normal(size=512) for index in range(300) if index % 50 != 49}
    cloth = rng.normal(size=512)
    rows.update({index: cloth + 0.2 * rng.normal(size=512) for index in range(4, 100, 10)})
    add_vectors(product.settings, made, rows)
    return made


def test_more_like_this_leads_to_the_similar_ones(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    page.click("#like-14")
    expect(page.locator(".liked")).to_contain_text("Photos that look like roll-014/DSC000014.jpg")
    expect(page.locator("#grid .item").first).to_have_attribute("id", "item-14")
    shown = page.locator("#grid .item").evaluate_all("cards => cards.slice(0, 10).map(c => Number(c.id.slice(5)))")
    assert set(shown) == set(range(4, 100, 10))
    # Another filter narrows it and keeps the photo; review goes through the same ones in the same order.
    page.click("label.chip.not_in_bank")
    expect(page.locator("#grid-total")).to_have_attribute("data-total", "54")
    expect(page.locator(".liked")).to_be_visible()
    # "Correct" below "not in bank" would not say which class the photo gets.
    expect(page.locator("#confirm-14")).to_contain_text("It is ")
    page.click("#review-link a")
    expect(page.locator(".review-photo:not([hidden])")).to_have_attribute("data-index", "14")
    expect(page.locator("#review-confirm")).to_contain_text("It is ")
    page.go_back()
    page.click("#clear-filters")
    expect(page.locator("#grid-total")).to_have_attribute("data-total", "300")


def test_a_group_is_named_in_chinese(page: Page, product: Product, job: str) -> None:
    page.goto(f"/jobs/{job}/groups?lang=zh")
    heading = page.locator("h2", has_text="10 张照片看起来是同一种面料")
    expect(heading).to_be_visible()
    field = page.locator("input[name=label]").first
    field.fill("提花")
    field.press("Enter")
    expect(page.locator(".notice", has_text="10 张照片已归为“提花”")).to_be_visible()
    expect(heading).to_be_hidden()
    found = requests.get(f"{product.url}/api/v1/jobs/{job}/items", params={"label": "提花"}, timeout=60).json()
    assert len(found["items"]) == 10
    # It was the wrong one.
    page.click("#undo-group")
    expect(page.locator("main .notice", has_text="已撤销")).to_be_visible()
    expect(heading).to_be_visible()
    found = requests.get(f"{product.url}/api/v1/jobs/{job}/items", params={"label": "提花"}, timeout=60).json()
    assert found["items"] == []
    field.fill("   ")
    field.press("Enter")
    expect(page.locator("main")).to_contain_text("至少")
    # The address is the form's; the other language is the page's.
    page.click(".languages a")
    expect(page.locator("h1")).to_have_text("Photos that look alike")


def test_a_part_is_drawn_and_found(page: Page, product: Product) -> None:
    files = [("files", ("cloth.jpg", photo_bytes()))]
    made = requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=60).json()["id"]
    page.goto(f"/jobs/{made}")
    expect(page.locator("#grid .item")).to_have_count(1)
    page.goto(f"/similar?job={made}&item=0")
    picture = page.locator(".crop > img")
    expect(picture).to_be_visible()
    find = page.locator("#crop-find")
    expect(find).to_be_hidden()
    # Escape takes the box away, and the keyboard goes on from the button that made it.
    page.click("#crop-begin")
    expect(find).to_be_visible()
    page.keyboard.press("Escape")
    expect(find).to_be_hidden()
    expect(page.locator(".crop-box")).to_be_hidden()
    expect(page.locator("#crop-begin")).to_be_focused()
    room = picture.bounding_box()
    assert room is not None
    page.mouse.move(room["x"] + 0.2 * room["width"], room["y"] + 0.2 * room["height"])
    page.mouse.down()
    page.mouse.move(room["x"] + 0.6 * room["width"], room["y"] + 0.7 * room["height"], steps=4)
    page.mouse.up()
    find.click()
    expect(page.locator("header .meta").first).to_contain_text("Like cloth.jpg (20–60 % × 20–70 %).")
    page.click("#whole-photo")
    expect(page.locator("header .meta").first).to_contain_text("Like cloth.jpg.")
    # The part is a photo of its own, a part of which can be looked up in turn: by keys, in Chinese.
    page.goto(f"/similar?job={made}&item=0&lang=zh")
    page.click("#crop-begin")
    mark = page.locator(".crop-box")
    expect(mark).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("header .meta").first).to_contain_text("cloth.jpg (27–77 % × 25–77 %)")
    expect(page.locator("h1")).to_have_text("相似照片")


def test_a_photo_of_ones_own_is_looked_up(page: Page, product: Product, job: str) -> None:
    page.goto(f"/similar?job={job}&item=14")
    # Neither this photo nor its thumbnail is to be had.
    expect(page.locator(".looked-up")).to_be_hidden()
    page.set_input_files("#look-up-file", {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": photo_bytes()})
    page.locator(".look-up button").click()
    expect(page.locator("header .meta")).to_contain_text("Like mine.jpg.")
    page.locator(".crop").click(position={"x": 20, "y": 20})
    expect(page.locator("#crop-find")).to_be_hidden()


def photo_bytes() -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(2).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def test_only_some_of_the_similar_photos(page: Page, job: str) -> None:
    page.goto(f"/similar?job={job}&item=14&lang=zh")
    page.click("#similar-filters > summary")
    page.select_option("#only-verdict", "not_in_bank")
    page.click("#only-show")
    expect(page.locator("#similar-filters")).to_have_attribute("open", "")
    expect(page.locator("#only-verdict")).to_have_value("not_in_bank")
    expect(page.locator(".alike > li b").first).to_have_text("库中没有")
    # Somebody who looks for another day finds nothing, and the way back.
    page.fill("#only-to", "2020-01-01")
    page.click("#only-show")
    page.click("#without-filters")
    expect(page.locator(".alike > li").first).to_be_visible()
    expect(page.locator("#similar-filters")).not_to_have_attribute("open", "")
