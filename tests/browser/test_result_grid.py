"""100,000 results in one page: only what is near the window is in it, its place is kept, many are changed at once."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from shared.bank.store import BankStore
from tests.browser.test_job_page import finished, submit
from tests.large_jobs import archived_job
from tests.product import Product, eventually

COUNT = 100_000


@pytest.fixture(scope="module")
def large(product: Product) -> str:
    return archived_job(product.settings, COUNT, BankStore(product.settings).current() or "", "grid").id


def place(page: Page) -> int:
    return int(page.locator("#grid-at").input_value())


def query(product: Product, job: str, **wish: object) -> list[dict[str, Any]]:
    address = f"{product.url}/api/v1/jobs/{job}/items"
    return list(requests.get(address, params={"limit": 1000, **wish}, timeout=60).json()["items"])


@pytest.mark.slow
def test_a_long_list_keeps_few_cards_and_its_place(page: Page, large: str) -> None:
    page.goto(f"/jobs/{large}")
    expect(page.locator("#grid-total")).to_have_text("100,000")
    for target in (90_001, 12_345):
        page.fill("#grid-at", str(target))
        page.press("#grid-at", "Enter")
        expect(page.locator(f"#item-{target - 1}")).to_be_in_viewport()
        assert page.locator("article.item").count() <= 9 * 48
    page.locator("#grid-at").blur()
    page.wait_for_url("**from=123*")
    # Scrolled by the wheel, what comes is there.
    before = place(page)
    page.mouse.move(600, 500)
    for _ in range(5):
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(50)
    eventually(lambda: bool(page.wait_for_timeout(50) or place(page) > before), what="a further place")
    expect(page.locator(".cards.coming")).to_have_count(0)
    # Reload, another language, and Back from another page lead to the same place.
    here = place(page)
    page.wait_for_url(f"**from={here}*")
    page.reload()
    expect(page.locator(f"#item-{here - 1}")).to_be_in_viewport()
    page.click(".languages a")
    expect(page.locator("h2#results-title")).to_have_text("结果")
    expect(page.locator(f"#item-{here - 1}")).to_be_in_viewport()
    page.goto("/bank")
    page.go_back()
    expect(page.locator(f"#item-{here - 1}")).to_be_in_viewport()


def test_on_a_phone_the_last_photos_are_reached_and_the_acts_are_in_sight(page: Page, large: str) -> None:
    """One card a row makes a page that is higher than browsers draw."""
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"/jobs/{large}?from=99990")
    expect(page.locator("#item-99989")).to_be_in_viewport()
    page.keyboard.press("Control+a")
    expect(page.locator("#acts-count")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.fill("#grid-at", "50000")
    page.press("#grid-at", "Enter")
    expect(page.locator("#item-49999")).to_be_in_viewport()
    page.mouse.move(180, 400)
    page.mouse.wheel(0, 3000)
    page.locator("#grid-at").blur()
    page.wait_for_url("**from=500*")


def test_photos_that_come_late_move_nothing(page: Page, large: str) -> None:
    """The heights of 99,900 photos above become known when the first neighbours come, here long after the page."""
    page.route("**/results?*", lambda route: (page.wait_for_timeout(700), route.continue_()))
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"/jobs/{large}?from=99990")
    expect(page.locator("#item-99989")).to_be_in_viewport()
    expect(page.locator(".cards")).not_to_have_count(1)
    expect(page.locator(".cards.coming")).to_have_count(0)
    expect(page.locator("#item-99989")).to_be_in_viewport()
    assert place(page) >= 99_990


def test_filters_orders_and_the_way_back(page: Page, large: str) -> None:
    page.goto(f"/jobs/{large}")
    page.fill("#filter-search", "DSC00004")
    expect(page.locator("#grid-total")).to_have_text("10")
    # The focus stays where somebody types while results come.
    assert page.evaluate("document.activeElement.id") == "filter-search"
    page.fill("#filter-search", "")
    expect(page.locator("#grid-total")).to_have_text("100,000")
    page.click("#more-filters summary")
    page.select_option("#filter-camera", "NIKON Z 6")
    page.wait_for_url("**camera=*")
    page.select_option("#filter-taken", "2026-02")
    page.select_option("#filter-profile", "Display P3")
    page.wait_for_url("**profile=*")
    page.select_option("#filter-max_confidence", "0.5")
    page.locator(".swatch-pick[title^=red]").click()
    page.wait_for_url("**colour=red**")
    page.select_option("#filter-sort", "-confidence")
    page.wait_for_url("**sort=-confidence**")
    total = int((page.locator("#grid-total").get_attribute("data-total")) or 0)
    assert 0 < total < COUNT / 60
    address = page.url
    page.reload()
    expect(page.locator("#grid-total")).to_have_attribute("data-total", str(total))
    assert page.locator("#filter-camera").input_value() == "NIKON Z 6"
    page.go_back()
    eventually(lambda: bool(page.wait_for_timeout(50) or page.url != address), what="one step back")
    expect(page.locator("#grid-total")).to_be_visible()
    page.click("#clear-filters")
    expect(page.locator("#grid-total")).to_have_text("100,000")


def test_everything_is_reviewed_in_one_act_and_undone(page: Page, product: Product, large: str) -> None:
    page.goto(f"/jobs/{large}?view=unsure")
    total = page.locator("#grid-total").inner_text()
    page.keyboard.press("Control+a")
    expect(page.locator("#acts-count")).to_have_text(total)
    page.keyboard.press("Escape")
    expect(page.locator("#acts")).to_be_hidden()
    page.keyboard.press("Control+a")
    page.fill("#acts-find", "stripe-2")
    expect(page.locator("#acts-names li").first).to_have_text("stripe-2")
    page.press("#acts-find", "Enter")
    expect(page.locator("#undo-bar")).to_contain_text(f"stripe-2: {total} photos", timeout=60_000)
    expect(page.locator("#count-unsure")).to_have_text("0")
    page.click("#undo-act")
    expect(page.locator("#count-unsure")).to_have_text(total, timeout=60_000)
    assert query(product, large, review="reviewed") == []


def test_the_way_to_review_tells_how_many_are_left(page: Page, large: str) -> None:
    page.goto(f"/jobs/{large}")
    link = page.locator("#review-go")
    expect(link).to_have_text(re.compile(r"Review [\d,]+ uncertain photos"))
    before = link.inner_text()
    page.locator(".item.unsure .tick").first.click()
    page.fill("#acts-find", "stripe-2")
    page.press("#acts-find", "Enter")
    expect(link).not_to_have_text(before)
    expect(link).to_have_text(re.compile(r"Review [\d,]+ uncertain photos"))
    page.click("#undo-act")
    expect(link).to_have_text(before)


def test_some_are_selected_by_click_shift_and_drawing(page: Page, product: Product) -> None:
    job = submit(product, 30, "selected")
    finished(product, job)
    page.goto(f"/jobs/{job}?sort=name")
    page.locator("#tick-2").click()
    page.locator("#tick-9").click(modifiers=["Shift"])
    expect(page.locator("#acts-count")).to_have_text("8")
    page.locator("#tick-4").click()
    expect(page.locator("#acts-count")).to_have_text("7")
    page.keyboard.press("Escape")
    page.evaluate("scrollTo(0, 0)")
    page.locator("#tick-0").scroll_into_view_if_needed()
    first, second = (page.locator(f"#item-{n} .tick").bounding_box() for n in (0, 1))
    assert first
    assert second
    page.mouse.move(first["x"] + 20, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(second["x"] + 20, second["y"] + 60, steps=8)
    page.mouse.up()
    expect(page.locator("#acts-count")).to_have_text("2")
    page.click("#acts-reject")
    expect(page.locator("#undo-bar")).to_contain_text("2 photos")
    assert [item["index"] for item in query(product, job, review="rejected")] == [0, 1]
    expect(page.locator("#item-1 .tag")).to_have_text("Not a fabric")
    page.click("#undo-act")
    eventually(lambda: query(product, job, review="rejected") == [], what="the undone act")


def test_a_selection_is_exported(page: Page, product: Product) -> None:
    job = submit(product, 12, "exports")
    finished(product, job)
    page.goto(f"/jobs/{job}?lang=zh")
    page.locator("#tick-3").click()
    page.locator("#tick-5").click(modifiers=["Shift"])
    expect(page.locator("#acts-count")).to_have_text("3")
    with page.expect_download() as download:
        page.click(".acts-export >> text=CSV")
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert [row["序号"] for row in rows] == ["3", "4", "5"]
    assert {row["状态"] for row in rows} == {"成功"}


def test_focus_stays_on_the_filter_that_was_changed(page: Page, product: Product) -> None:
    job = submit(product, 3, "watched")
    finished(product, job)
    page.goto(f"/jobs/{job}")
    page.locator("label.chip.label input").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**view=unsure**")
    assert page.evaluate("document.activeElement.id") == "view-unsure"
    page.focus("#filter-sort")
    page.select_option("#filter-sort", "name")
    page.wait_for_url("**sort=name**")
    assert page.evaluate("document.activeElement.id") == "filter-sort"
