"""The collections page: made, looked into, run, watched until its job is done, changed, refused, deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bank_api import call
from tests.browser.conftest import visiting
from tests.browser.test_accessibility import clean
from tests.collections_harness import write
from tests.product import Product, run_product


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("page")) as running:
        for n in range(5):
            write(running.photos / "spring" / f"{n}.jpg", f"spring {n}")
        yield running


@pytest.fixture
def page(browser: Browser, own: Product) -> Iterator[Page]:
    with visiting(browser, own) as page:
        yield page


def test_a_collection_is_made_run_changed_and_deleted(page: Page, own: Product) -> None:
    page.goto("/jobs")
    page.click("text=Collections: folders of which")
    expect(page.locator("h1")).to_have_text("Collections")
    page.fill("#new-collection [name=name]", "Spring 春")
    page.fill("#new-collection [name=folders]", "/etc")
    page.fill("#new-collection [name=at]", "22:00")
    page.check("#new-collection [name=days][value=mon]")
    page.click("#new-collection button[type=submit]")
    # A refused form keeps what was typed.
    expect(page.locator("[role=alert].failure")).to_contain_text("not inside an allowed folder")
    expect(page.locator("#new-collection [name=name]")).to_have_value("Spring 春")
    expect(page.locator("#new-collection [name=days][value=mon]")).to_be_checked()
    page.fill("#new-collection [name=folders]", str(own.photos / "spring"))
    page.click("#new-collection button[type=submit]")
    card = page.locator(".one-collection")
    expect(card.locator("h2")).to_have_text("Spring 春")
    expect(card).to_contain_text("22:00 Mon")
    expect(card).to_contain_text("Next run")
    expect(card).to_contain_text("No run yet.")
    # Several days can be chosen: a round box would say that only one can.
    rounded = "e => parseFloat(getComputedStyle(e).borderRadius) / e.offsetWidth"
    assert page.locator("#new-collection [name=days]").first.evaluate(rounded) < 0.35
    card.get_by_role("button", name="See what is new").click()
    expect(card.locator(".run-told")).to_have_text(["5 new"])
    expect(card.locator(".badge")).to_have_text("Only looked")
    card.get_by_role("button", name="now").click()
    # Without a reload.
    expect(card.locator(".badge").first).to_have_text("Finished")
    expect(card.locator(".meta").first).to_contain_text("5 photos")
    card.get_by_role("link", name="Job and results").first.click()
    expect(page.locator("h1")).to_have_text("Spring 春")
    write(own.photos / "spring" / "late.jpg", "late")
    page.goto("/collections")
    card.get_by_role("button", name="now").click()
    expect(card.locator(".run-told").first).to_have_text(re.compile("1 new\\s*5 unchanged"))
    with page.expect_download() as download:
        card.get_by_role("link", name="(CSV)").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert len(text.splitlines()) == 7
    assert download.value.suggested_filename == "Spring 春.csv"
    card.get_by_role("link", name="Spring 春", exact=True).click()
    expect(page.locator("h1")).to_have_text("Spring 春")
    expect(page.locator(".run-head")).to_have_count(3)
    page.click("text=Change or delete")
    form = page.locator("#change-collection")
    expect(form.locator("[name=at]")).to_have_value("22:00")
    form.locator("[name=at]").fill("")
    form.locator("summary", has_text="Rules and speed").click()
    form.locator("[name=exclude]").fill("late*\nthumbs/")
    form.locator("[name=folders]").fill("/etc")
    form.get_by_role("button", name="Save").click()
    expect(page.locator("[role=alert].failure")).to_contain_text("not inside an allowed folder")
    expect(form.locator("[name=exclude]")).to_have_value("late*\nthumbs/")
    form.locator("[name=folders]").fill(str(own.photos / "spring"))
    form.get_by_role("button", name="Save").click()
    expect(page.locator(".meta").first).to_contain_text("No schedule")
    (found,) = call(own, "GET", "/collections")["collections"]
    assert (found["schedule"], found["rules"]["exclude"], found["watch"]) == (None, ["late*", "thumbs/"], False)
    page.click("text=Change or delete")
    form.get_by_label("Watch the folders").check()
    form.get_by_role("button", name="Save").click()
    expect(page.locator(".meta").first).to_contain_text("Watched")
    page.get_by_role("link", name="Report of").click()
    expect(page.locator("h1")).to_contain_text("Report")
    expect(page.locator(".s-run")).to_contain_text("1 new")
    expect(page.locator(".s-run")).to_contain_text("late.jpg")
    page.get_by_role("link", name="Spring 春").click()
    page.click("text=Change or delete")
    expect(form.get_by_label("Watch the folders")).to_be_checked()
    page.once("dialog", lambda dialog: dialog.accept())
    form.get_by_role("button", name="Classify all photos again").click()
    expect(page.locator(".run-told").first).to_contain_text("5 unchanged")
    expect(page.locator(".badge").first).to_have_text("Finished")
    page.click("text=Change or delete")
    page.once("dialog", lambda dialog: dialog.accept())
    form.get_by_role("button", name="Delete").click()
    expect(page.locator("h1")).to_have_text("Collections")
    expect(page.locator(".one-collection")).to_have_count(0)
    assert call(own, "GET", "/jobs")["jobs"]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_is_in_the_way_of_anybody(browser: Browser, own: Product, lang: str, width: int) -> None:
    wish = {"name": f"{lang} {width}", "folders": [str(own.photos / "spring")], "schedule": {"at": "22:00"}}
    made = call(own, "POST", "/collections", wish, 201)
    call(own, "POST", f"/collections/{made['id']}/runs", {"dry_run": True}, 202)
    locale = {"en": "en-US", "zh": "zh-CN"}[lang]
    for scheme in ("light", "dark"):
        context = browser.new_context(
            base_url=own.url,
            locale=locale,
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
        )
        page = context.new_page()
        for address in ("/collections", f"/collections/{made['id']}"):
            page.goto(address)
            expect(page.locator(f"#runs-{made['id']} .run-told")).to_be_visible()
            for details in page.locator("main details").all():
                details.evaluate("node => { node.open = true; }")
            clean(page, f"{address} {lang} {width} {scheme}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()


def test_a_schedule_without_days_says_every_day(page: Page, own: Product) -> None:
    page.goto("/collections?lang=en")
    page.evaluate("document.getElementById('new-collection').open = true")
    page.fill("#new-collection [name=name]", "Nightly")
    page.fill("#new-collection [name=folders]", str(own.photos / "spring"))
    page.fill("#new-collection [name=at]", "22:30")
    page.click("#new-collection button[type=submit]")
    expect(page.locator(".one-collection", has_text="Nightly")).to_contain_text("Every day 22:30")
