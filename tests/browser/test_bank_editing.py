"""Making and changing the bank in the page: a new class, names, moves, merges, the draft, and a first bank."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bank_api import call
from tests.browser.conftest import visiting
from tests.product import Product, make_photos, run_product


@pytest.fixture
def page(browser: Browser, curated: Product) -> Iterator[Page]:
    """A visitor of the product whose bank tests may change; afterwards its first bank is active, without a draft."""
    first = call(curated, "GET", "/bank")["version"]
    with visiting(browser, curated) as page:
        yield page
    if call(curated, "GET", "/bank/draft")["version"]:
        call(curated, "POST", "/bank/draft/discard")
    call(curated, "POST", f"/bank/versions/{first}/publish")


def drafted(page: Page, changes: str) -> None:
    """Awaits the page that is shown when the change is made: the draft has so many."""
    expect(page.locator(".draft h2")).to_contain_text(changes, timeout=60_000)


@pytest.mark.long
def test_ten_minutes_with_the_bank(page: Page, curated: Product, tmp_path: Path) -> None:
    first = call(curated, "GET", "/bank")["version"]
    photos = sorted(make_photos(tmp_path / "photos", 1, 6).rglob("*.jpg"))
    page.goto("/bank")
    page.click("#new-class summary")
    page.fill("#new-class [name=zh]", "灯芯绒")
    page.fill("#new-class [name=en]", "Corduroy")
    page.set_input_files("#new-class input[type=file]", photos[:4])
    expect(page.locator("#new-class .chosen")).to_have_text("4 photos")
    page.click("text=Make the class")
    drafted(page, "1 change that")
    expect(page.locator("h1")).to_have_text("Corduroy")
    expect(page.locator("label.pickable")).to_have_count(4)
    # More are sent as soon as they are there; what is no photo is told by name.
    page.set_input_files("#add-photos input[type=file]", [*photos[4:], _spoilt(tmp_path)])
    expect(page.locator("h1")).to_have_text("Add photos")
    expect(page.locator(".failures")).to_contain_text("spoilt.jpg", timeout=60_000)
    page.click("text=Continue editing")
    expect(page.locator("label.pickable")).to_have_count(6)

    # The large picture, with zoom, from key to key.
    page.locator("a.enlarge").first.click()
    large = page.locator("#viewer img")
    expect(large).to_be_visible()
    before = large.get_attribute("src")
    page.keyboard.press("ArrowRight")
    expect(large).not_to_have_attribute("src", before or "")
    page.keyboard.press("+")
    assert "scale(1.5)" in (large.get_attribute("style") or "")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()

    page.click("#names summary")
    page.fill("#names [name=aliases]", "cord, 条绒")
    page.fill("#names [name=notes]", "from the mill in Changzhou")
    page.click("#names button")
    drafted(page, "3 changes")
    expect(page.locator(".notes")).to_have_text("from the mill in Changzhou")

    page.locator("input[name=aside]").nth(0).check()
    page.locator("input[name=aside]").nth(1).check()
    expect(page.locator("#selected")).to_have_text("2 selected")
    page.fill("#samples [name=to]", "stripe-1")
    page.keyboard.press("Enter")
    drafted(page, "4 changes")
    expect(page.locator("h1")).to_have_text("stripe-1")
    page.click("#merge summary")
    page.fill("#merge [name=into]", "条绒")
    page.click("#merge button >> text=Merge")
    drafted(page, "5 changes")
    expect(page.locator("h1")).to_have_text("Corduroy")
    expect(page.locator("label.pickable")).to_have_count(12)

    page.goto("/bank?q=stripe-2")
    page.click(".class")
    page.click("#merge summary")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("text=Delete this class")
    drafted(page, "6 changes")
    expect(page.locator(".class", has_text="stripe-2")).to_have_count(0)
    page.click("text=Undo the last change")
    drafted(page, "5 changes")
    expect(page.locator(".class", has_text="stripe-2")).to_have_count(1)

    page.click("text=See the changes")
    expect(page.locator(".renamed")).to_contain_text("灯芯绒 / Corduroy")
    expect(page.locator(".changed", has_text="Class removed")).to_contain_text("stripe-1")
    assert call(curated, "GET", "/bank")["version"] == first
    page.goto("/bank")
    page.click(".draft >> text=Make active")
    expect(page.locator(".version.active")).to_contain_text("classes changed")
    expect(page.locator(".draft")).to_have_count(0)
    page.locator("button", has_text="Roll back to").click()
    expect(page.locator(".version.active")).to_contain_text("built from a folder")


def _spoilt(folder: Path) -> Path:
    path = folder / "spoilt.jpg"
    path.write_bytes(b"no photo")
    return path


def test_a_first_bank_in_chinese(browser: Browser, tmp_path: Path) -> None:
    folder = make_photos(tmp_path / "面料", 2, 3)
    with run_product(tmp_path / "product", workers=0, bank=False) as empty, visiting(browser, empty) as page:
        page.set_viewport_size({"width": 375, "height": 780})
        page.goto("/bank?lang=zh")
        expect(page.locator("h1")).to_have_text("建立您的第一个样布库")
        assert "weft " not in page.inner_text("body")
        page.click("text=新建样布库")
        page.set_input_files("#build input[type=file]", folder)
        expect(page.locator("#build .chosen")).to_have_text("2 个类别，共 6 张照片")
        page.click("#build button")
        expect(page.locator("h2", has_text="目前是草稿")).to_be_visible(timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        page.click("text=启用")
        expect(page.locator(".version.active")).to_be_visible()
        page.goto("/bank")
        expect(page.locator(".class")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
