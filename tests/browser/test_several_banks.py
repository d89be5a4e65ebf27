"""Several banks in the page: made, filled, chosen for a job, corrected into, renamed, archived and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bank_api import call
from tests.browser.conftest import visiting
from tests.browser.test_accessibility import clean
from tests.product import Product, make_photos, run_product

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product of this file's own: banks would be offered in everybody's forms."""
    with run_product(tmp_path_factory.mktemp("several")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, several: Product) -> Iterator[Page]:
    with visiting(browser, several) as page:
        yield page


def test_one_bank_shows_no_choice(page: Page, several: Product) -> None:
    if len(call(several, "GET", "/banks")["banks"]) == 1:
        for address in ("/", "/bank", "/bank/versions"):
            page.goto(address)
            expect(page.locator("[name=bank]")).to_have_count(0)


def test_an_empty_bank_is_filled_and_used(page: Page, several: Product, tmp_path: Path) -> None:
    first = call(several, "GET", "/bank")["version"]
    page.goto("/bank")
    page.click("text=New bank")
    expect(page.locator("h1")).to_have_text("Banks")
    page.fill("#new-bank [name=name]", "Customer A 2027")
    page.fill("#new-bank [name=notes]", "cotton only")
    page.click("#new-bank button")
    expect(page.locator("h1")).to_have_text("“Customer A 2027” is still empty")
    page.click("text=Add photos")
    photos = sorted(make_photos(tmp_path / "photos", 1, 4).rglob("*.jpg"))
    page.fill("#first-class [name=en]", "Denim")
    page.set_input_files("#first-class input[type=file]", photos)
    page.click("#first-class button[type=submit]")
    page.click(".actions >> text=Make active")
    expect(page.locator(".version.active")).to_have_count(1)
    expect(page.locator(".bank-choice select option:checked")).to_have_text("Customer A 2027")
    # Every page of the bank stays within it.
    for tab in ("Classes", "Check", "Corrections", "Versions", "Classes"):
        page.click(f".tabs >> text={tab}")
        expect(page.locator(".bank-choice select option:checked")).to_have_text("Customer A 2027")
    expect(page.locator("h1")).to_have_text("Customer A 2027")
    expect(page.locator(".class")).to_have_count(1)
    page.fill(".search input[type=search]", "den")
    page.keyboard.press("Enter")
    expect(page.locator(".class")).to_have_count(1)
    page.click(".class")
    expect(page.locator(".eyebrow")).to_have_text("Customer A 2027")
    page.click(".eyebrow a")
    page.select_option(".bank-choice select", label="Default bank")
    expect(page.locator("h1")).to_have_text("Default bank")
    expect(page.locator(".class")).to_have_count(4)
    assert call(several, "GET", "/bank")["version"] == first

    # A job chooses it, and its page says so.
    page.goto("/")
    page.set_input_files("#files", photos[0])
    page.select_option("#upload [name=bank]", label="Customer A 2027")
    page.click("#send")
    expect(page.locator(".meta", has_text="Customer A 2027")).to_be_visible()
    expect(page.locator("article.item")).to_have_count(1)
    expect(page.locator("article.item")).to_contain_text("Denim")
    # Run again with the other bank, which is offered by its name.
    page.click("#whole summary")
    expect(page.locator("#again-bank optgroup")).to_have_count(2)
    expect(page.locator("#again-bank option:checked")).to_contain_text("active")
    page.select_option("#again-bank", value=first)
    page.click("#run-again")
    expect(page.locator(".meta", has_text="Default bank")).to_be_visible()
    expect(page.locator("article.item")).to_contain_text("stripe-")


def test_a_copy_in_chinese_on_a_phone(page: Page, several: Product) -> None:
    first = call(several, "GET", "/bank")["version"]
    page.set_viewport_size({"width": 375, "height": 780})
    page.goto("/banks?lang=zh")
    if not page.locator("#new-bank [name=name]").is_visible():
        page.click("#new-bank summary")
    page.fill("#new-bank [name=name]", "皮革")
    page.select_option("#new-bank [name=copy_of]", value="default")
    page.click("#new-bank button")
    expect(page.locator("h1")).to_have_text("皮革")
    expect(page.locator(".class")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    # A change joins this bank's draft, and making it active leaves the other bank alone.
    page.click(".class >> nth=0")
    page.click("#names summary")
    page.fill("#names [name=zh]", "小牛皮")
    page.click("#names button")
    expect(page.locator(".draft h2")).to_contain_text("1 项")
    page.click(".draft button >> text=启用")
    expect(page.locator(".version.active")).to_have_count(1)
    page.click(".tabs >> text=类别")
    expect(page.locator(".class", has_text="小牛皮")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.select_option(".bank-choice select", label="默认样布库")
    expect(page.locator("h1")).to_have_text("默认样布库")
    expect(page.locator(".class", has_text="小牛皮")).to_have_count(0)
    expect(page.locator(".draft")).to_have_count(0)
    assert call(several, "GET", "/bank")["version"] == first

    # Renamed, archived, restored, deleted.
    page.click("text=全部样布库")
    card = page.locator(".one-bank", has_text="皮革")
    card.locator("summary").click()
    card.locator("[name=name]").fill("真皮")
    card.locator("button", has_text="保存").click()
    card = page.locator(".one-bank", has_text="真皮")
    card.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    card.locator("button", has_text="归档").click()
    expect(page.locator("h2", has_text="已归档的样布库")).to_be_visible()
    page.goto("/")
    expect(page.locator("#upload [name=bank] option", has_text="真皮")).to_have_count(0)
    page.goto("/banks")
    card = page.locator(".one-bank", has_text="真皮")
    card.locator("summary").click()
    card.locator("button", has_text="恢复").click()
    expect(page.locator("h2", has_text="已归档的样布库")).to_have_count(0)
    card.locator("summary").click()
    page.once("dialog", lambda dialog: dialog.accept())
    card.locator("button", has_text="删除").click()
    expect(page.locator(".one-bank", has_text="真皮")).to_have_count(0)


def test_a_bank_in_use_is_not_deleted(page: Page, several: Product, tmp_path: Path) -> None:
    page.goto("/banks?lang=en")
    if not page.locator("#new-bank [name=name]").is_visible():
        page.click("#new-bank summary")
    page.fill("#new-bank [name=name]", "Spring")
    page.select_option("#new-bank [name=copy_of]", value="default")
    page.click("#new-bank button")
    expect(page.locator("h1")).to_have_text("Spring")
    page.goto("/")
    page.set_input_files("#files", sorted(make_photos(tmp_path / "photos", 1, 1).rglob("*.jpg"))[0])
    page.select_option("#upload [name=bank]", label="Spring")
    page.fill("#upload [name=name]", "Spring swatches")
    page.click("#send")
    # A correction is offered to the bank that the job used, and to no other.
    item = page.locator("article.item")
    expect(item).to_have_count(1)
    job = re.sub(r".*/jobs/([^/?#]+).*", r"\1", page.url)
    call(several, "PATCH", f"/jobs/{job}/items/0", {"label": "stripe-3"})
    page.reload()
    item.locator("summary", has_text="Change").first.click()
    page.click("a.add-to-bank")
    expect(page.locator(".bank-choice select option:checked")).to_have_text("Spring")
    expect(page.locator("label.pickable")).to_have_count(1)
    page.select_option(".bank-choice select", label="Default bank")
    expect(page.locator("h2", has_text="No pending corrections")).to_be_visible()

    page.click("text=All banks")
    card = page.locator(".one-bank", has_text="Spring")
    card.locator("summary").click()
    page.once("dialog", lambda dialog: dialog.accept())
    card.locator("button", has_text="Delete").click()
    expect(page.locator("main")).to_contain_text("cannot be deleted while jobs use it (1: Spring swatches)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_in_the_way(browser: Browser, several: Product, scheme: str, lang: str) -> None:
    """Accessibility, on all pages that show a choice of banks."""
    name = f"axe {scheme} {lang}"
    made = call(several, "POST", "/banks", {"name": name, "notes": "notes", "copy_of": "default"}, 201)
    call(several, "PATCH", f"/banks/{made['id']}", {"archived": scheme == "dark"})
    context = browser.new_context(base_url=several.url, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for address in ("/banks", f"/bank?bank={made['id']}", f"/bank/versions?bank={made['id']}", "/", "/jobs"):
        page.goto(f"{address}{'&' if '?' in address else '?'}lang={lang}")
        clean(page, address)
    page.goto("/banks")
    for summary in page.locator("summary").all():
        summary.click()
    clean(page, "what is done with banks")
    context.close()
