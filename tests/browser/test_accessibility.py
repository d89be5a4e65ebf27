"""axe-core finds nothing on the pages where results are worked with: both schemes, both languages, a selection made."""

from __future__ import annotations

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from shared.bank.store import BankStore
from tests.large_jobs import add_vectors, archived_job
from tests.product import Product


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    made = archived_job(product.settings, 300, BankStore(product.settings).current() or "", "axe").id
    cloth = np.random.default_rng(1).normal(size=512)
    add_vectors(product.settings, made, {index: cloth + index / 500 for index in range(4, 100, 10)})
    return made


@pytest.fixture(scope="module")
def other(product: Product) -> str:
    """Another run over some of the same photos."""
    return archived_job(product.settings, 250, BankStore(product.settings).current() or "", "axetwo", classes=3).id


def clean(page: Page, what: str) -> None:
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"], rule["nodes"][0]["failureSummary"]) for rule in found] == [], what


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lang", "scheme"),
    [
        ("zh", "light"),
        ("en", "dark"),
        pytest.param("zh", "dark", marks=pytest.mark.long),
        pytest.param("en", "light", marks=pytest.mark.long),
    ],
)
def test_pages_of_a_job(browser: Browser, product: Product, job: str, other: str, scheme: str, lang: str) -> None:
    locale = {"en": "en-US", "zh": "zh-CN"}[lang]
    context = browser.new_context(base_url=product.url, locale=locale, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    addresses = (
        "/",
        "/jobs",
        f"/jobs/{job}?more=1&sort=name",
        f"/jobs/{job}/review",
        f"/jobs/{job}/summary",
        f"/jobs/{job}/compare/{other}",
        "/jobs?which=archived",
        f"/jobs/{job}?like=14",
        f"/jobs/{job}/groups",
        f"/jobs/{job}/groups?of=copies",
        f"/similar?job={job}&item=14",
    )
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None
        assert answer.ok, page.locator("main").inner_text()
        clean(page, address)
    page.goto("/jobs?which=archived")
    page.check("#tick-all")
    expect(page.locator("#job-bar")).to_be_visible()
    clean(page, "jobs that are selected")
    page.goto(f"/jobs/{job}")
    page.click("#whole > summary")
    clean(page, "what is done with a job")
    page.goto("/")
    page.click("aside details summary")
    page.click("#browse")
    expect(page.locator("#folder-list button").first).to_be_visible()
    clean(page, "folders")
    page.goto(f"/jobs/{job}?view=failed")
    page.keyboard.press("Control+a")
    expect(page.locator("#acts")).to_be_visible()
    clean(page, "a selection")
    page.click("#acts-confirm")
    expect(page.locator("#acts-sure")).to_be_visible()
    clean(page, "what would be confirmed")
    page.keyboard.press("Escape")
    page.click("#acts-reject")
    expect(page.locator("#undo-bar")).to_be_visible()
    clean(page, "an act that can be undone")
    page.click("#undo-act")
    expect(page.locator("#undo-bar")).to_be_hidden()
    context.close()
