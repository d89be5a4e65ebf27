"""Review mode: select, press a key, go to the next; what was answered is counted, exported and can be undone."""

from __future__ import annotations

import io
import random
import statistics
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.test_job_page import finished, submit
from tests.product import Product, eventually

#: Keys for a hundred uncertain photos: what the README promises.
MOST_KEYS = 160
#: Notes how long after each key the next picture of the page is drawn.
TIMED = """() => {
  window.times = [];
  document.addEventListener("keydown", () => {
    const pressed = performance.now();
    requestAnimationFrame(() => window.times.push(performance.now() - pressed));
  }, true);
}"""


def items(product: Product, job: str, **query: object) -> list[dict[str, Any]]:
    address = f"{product.url}/api/v1/jobs/{job}/items"
    found: list[dict[str, Any]] = requests.get(address, params={"limit": 1000, **query}, timeout=30).json()["items"]
    return found


def current(page: Page) -> int:
    return int(page.locator(".review-photo:not([hidden])").get_attribute("data-index") or -1)


@pytest.mark.slow
def test_a_hundred_photos_with_few_keys(page: Page, product: Product) -> None:
    """Of ten photos four are right as predicted, three are the second or third class, two another, one is no fabric."""
    job = submit(product, 100, "hundred")
    finished(product, job)
    found = items(product, job)
    labels = sorted({candidate["label"] for item in found for candidate in item["candidates"]})
    draw = random.Random(1)
    page.goto(f"/jobs/{job}/review")
    expect(page.locator("#review-at")).to_have_text("1")
    page.evaluate(TIMED)
    pressed = 0
    wanted: dict[int, str | None] = {}
    for at in range(len(found)):
        expect(page.locator("#review-at")).to_have_text(str(at + 1))
        index = current(page)
        candidates = [c["label"] for c in found[index]["candidates"]][:3]
        kind = draw.choices(("first", "second", "third", "another", "none"), (40, 20, 10, 20, 10))[0]
        keys, wanted[index] = ["Enter"], candidates[0]
        if kind in ("second", "third"):
            place = 2 if kind == "second" else 3
            keys, wanted[index] = [str(place)], candidates[place - 1]
        elif kind == "another":
            wanted[index] = next(label for label in labels if label not in candidates)
            # The classes differ in their last character.
            keys = ["/", str(wanted[index])[-1], "Enter"]
        elif kind == "none":
            keys, wanted[index] = ["x"], None
        for key in keys:
            page.keyboard.press(key)
        pressed += len(keys)
    expect(page.locator("#review-end")).to_be_visible()
    eventually(lambda: not items(product, job, review="todo"), what="all answers at the server")
    assert {item["index"]: item["final_label"] for item in items(product, job)} == wanted
    assert {item["review"] for item in items(product, job)} == {"confirmed", "corrected", "rejected"}
    assert pressed <= MOST_KEYS
    shown = page.evaluate("times")
    print(f"{pressed} keys; an answer is shown after {statistics.median(shown):.0f} ms (median)")


def test_undo_and_the_way_back(page: Page, product: Product) -> None:
    job = submit(product, 5, "undone")
    finished(product, job)
    page.goto(f"/jobs/{job}/review")
    first = current(page)
    page.keyboard.press("x")
    assert current(page) != first
    page.keyboard.press("z")
    assert current(page) == first
    eventually(lambda: not items(product, job, review="reviewed"), what="the undone answer")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".review-photo:not([hidden]) .answer")).to_contain_text("Confirmed")
    eventually(lambda: len(items(product, job, review="confirmed")) == 1, what="the answer")
    page.keyboard.press("Escape")
    page.wait_for_url(f"**/jobs/{job}**")
    # What was reviewed has a filter of its own.
    page.click("label.chip.reviewed")
    expect(page.locator("article.item")).to_have_count(1)


def test_what_was_reviewed_is_not_asked_again_and_a_card_opens_its_photo(page: Page, product: Product) -> None:
    job = submit(product, 30, "queue")
    finished(product, job)
    requests.post(f"{product.url}/api/v1/jobs/{job}/reviews", json={"items": [0, 1], "review": "rejected"}, timeout=30)
    unsure = items(product, job, verdict="unsure", review="todo")
    page.goto(f"/jobs/{job}/review?view=unsure")
    seen = []
    for _ in unsure:
        seen.append(current(page))
        page.keyboard.press("ArrowRight")
    assert seen == [item["index"] for item in unsure]
    page.goto(f"/jobs/{job}?sort=name")
    page.locator("article.item .photo a").nth(3).click()
    expect(page.locator("#review-at")).to_have_text("4")
    assert "sort=name" in page.url


def test_a_new_class_by_its_name(page: Page, product: Product) -> None:
    job = submit(product, 2, "new class")
    finished(product, job)
    page.goto(f"/jobs/{job}/review")
    page.keyboard.press("n")
    page.keyboard.type("Harris Tweed")
    expect(page.locator("#review-names li")).to_have_text("New class “Harris Tweed”")
    page.keyboard.press("Enter")
    # The second time it is a class that is known.
    page.keyboard.press("h")
    expect(page.locator("#review-names li").first).to_have_text("Harris Tweed")
    page.keyboard.press("Enter")
    eventually(lambda: len(items(product, job, label="harris tweed")) == 2, what="both photos in the new class")


def test_an_answer_that_is_lost_is_sent_again(page: Page, product: Product) -> None:
    job = submit(product, 3, "lost")
    finished(product, job)
    page.goto(f"/jobs/{job}/review")
    refused = {"left": 2}

    def cut(route: Route) -> None:
        if refused["left"]:
            refused["left"] -= 1
            route.fulfill(status=429, body="later")
        else:
            route.continue_()

    page.route("**/reviews", cut)
    page.keyboard.press("Enter")
    page.keyboard.press("x")
    expect(page.locator("#toast")).to_contain_text("Not saved")

    def both_are_there() -> bool:
        # The refusals above are made by this process, while playwright has its turn.
        page.wait_for_timeout(100)
        return len(items(product, job, review="reviewed")) == 2

    eventually(both_are_there, what="both answers")


def test_photos_are_seen_large_and_zoom_together(page: Page, product: Product, photos: Path) -> None:
    files = [("files", (path.name, path.read_bytes())) for path in sorted(photos.glob("*.png"))[:2]]
    job = requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=30).json()["id"]
    finished(product, job)
    page.goto(f"/jobs/{job}/review")
    picture = page.locator(".review-photo:not([hidden]) .review-main img")
    # The original, which is larger than nothing: the null engine makes no thumbnails.
    eventually(lambda: picture.evaluate("img => img.naturalWidth") == 80, what="the photo")
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -600)
    # The keys stand below the photo.
    box = page.locator(".review-photo:not([hidden]) .review-main").bounding_box()
    keys = page.locator("#review-keys").bounding_box()
    assert box
    assert keys
    assert keys["y"] >= box["y"] + box["height"] - 1
    moved = page.locator(".review-photo:not([hidden]) .pan img").evaluate_all("all => all.map(i => i.style.transform)")
    assert len(set(moved)) == 1
    assert "scale(1)" not in moved[0]
    page.keyboard.press("0")
    assert "scale(1)" in str(picture.evaluate("img => img.style.transform"))


def test_a_file_that_browsers_cannot_show_is_converted(product: Product) -> None:
    tiff = io.BytesIO()
    Image.new("RGB", (3000, 2000), (10, 120, 60)).save(tiff, "TIFF")
    files = [("files", ("cloth.tif", tiff.getvalue()))]
    job = requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=30).json()["id"]
    finished(product, job)
    answer = requests.get(f"{product.url}/api/v1/jobs/{job}/items/0/photo", timeout=120)
    assert answer.headers["Content-Type"] == "image/jpeg"
    shown = Image.open(io.BytesIO(answer.content))
    assert 1000 <= max(shown.size) <= 1600
    again = requests.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=30)
    assert again.status_code == 304
    assert requests.get(f"{product.url}/api/v1/jobs/{job}/items/7/photo", timeout=30).status_code == 404


def test_the_whole_of_a_wide_screen_is_used(page: Page, product: Product) -> None:
    job = submit(product, 3, "wide")
    finished(product, job)
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"/jobs/{job}/review")
    expect(page.locator("#review-at")).to_have_text("1")
    stage = page.locator("#review-stage .review-photo:not([hidden])").bounding_box()
    assert stage
    assert stage["width"] > 1800


def test_the_three_classes_can_be_read_on_a_phone(page: Page, product: Product) -> None:
    job = submit(product, 1, "narrow")
    finished(product, job)
    page.set_viewport_size({"width": 375, "height": 740})
    page.goto(f"/jobs/{job}/review")
    expect(page.locator(".review-photo:not([hidden]) .choice")).to_have_count(3)
    cut = """() => [...document.querySelectorAll(".review-photo:not([hidden]) .choice")].map(choice => {
      const name = choice.querySelector("span");
      name.textContent = "人造毛 faux fur";
      return name.scrollWidth > name.clientWidth || name.scrollHeight > name.clientHeight + 1;
    })"""
    assert page.evaluate(cut) == [False, False, False]
