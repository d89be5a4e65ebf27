"""A photo whose group of classes is certain: one click on the card, or one key in review, gives it its class."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from shared.bank.store import BankStore
from shared.curation.folder import Names
from shared.jobs.projection import open_projection
from tests.banks import clustered, make_bank
from tests.browser.test_result_grid import query
from tests.large_jobs import archived_job
from tests.product import Product

NAMES: dict[str, str | dict[str, str]] = {
    "stripe-3": {"zh": "顺纡雪纺", "en": "Crinkle", "parent": "chiffon"},
    "stripe-0": {"zh": "珍珠雪纺", "en": "Pearl", "parent": "chiffon"},
    "chiffon": {"zh": "雪纺", "en": "Chiffon"},
}


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    """Photos 3, 7 and 11 are chiffon; their best class is crinkle, the next ones are pearl and two stripes."""
    store = BankStore(product.settings)
    before = store.current()
    arrays = {f"stripe-{number}": rows for number, rows in enumerate(clustered(4))}
    version = make_bank(product.settings, arrays, names=Names(labels=NAMES))
    if before is not None:
        store.publish(before)
    made = archived_job(product.settings, 40, version, "parents")
    held = json.dumps({"parent/1": ["chiffon", 0.94, "雪纺", "Chiffon"]})
    with closing(open_projection(product.settings, made.id)) as projection:
        projection._db.execute("UPDATE items SET verdict = 'unsure', extra = ? WHERE idx IN (3, 7, 11)", (held,))
    return made.id


@pytest.mark.parametrize(("width", "index"), [(375, 3), (1280, 7)])
def test_one_click_gives_the_photo_its_class(page: Page, product: Product, job: str, width: int, index: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/jobs/{job}?view=unsure&lang=en")
    card = page.locator(f"#item-{index}")
    expect(card.locator("h3")).to_have_text("Chiffon, kind unsure")
    pearl = card.get_by_role("button", name="Pearl")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    pearl.click()
    expect(card.locator("h3")).to_have_text("Pearl")
    found = query(product, job, review="corrected", label="stripe-0")
    assert index in [item["index"] for item in found]


def test_review_names_the_group(page: Page, product: Product, job: str) -> None:
    page.goto(f"/jobs/{job}/review?view=unsure&at=11&lang=zh")
    shown = page.locator(".review-photo:not([hidden])")
    expect(shown).to_contain_text("雪纺（具体哪一种不确定）")
    expect(shown).to_contain_text("属于雪纺的置信度为 94%")
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('review-undo').disabled === false")
    page.goto(f"/jobs/{job}?lang=zh")
    expect(page.locator("#item-11 h3")).to_have_text("顺纡雪纺")
