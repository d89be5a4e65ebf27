"""Confirming a selection: which classes are set is said before it is done, and is what is done; also on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from shared.bank.store import BankStore
from tests.browser.test_result_grid import query
from tests.large_jobs import archived_job
from tests.product import Product


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    return archived_job(product.settings, 200, BankStore(product.settings).current() or "", "confirming").id


@pytest.mark.parametrize("width", [375, 1280])
def test_the_classes_are_said_then_set_then_undone(page: Page, product: Product, job: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/jobs/{job}")
    # One tap selects all, without a keyboard.
    page.click("#select-all")
    expect(page.locator("#acts-count")).to_have_text("200")
    page.click("#acts-confirm")
    said = page.locator("#acts-sure p")
    expect(said).to_contain_text("To be confirmed: 40 × stripe-0, 40 × stripe-1, 40 × stripe-2")
    expect(said).to_contain_text("36 not in the bank stay to do. 4 failed and have no class.")
    # Escape closes the question and keeps the selection; nothing is done.
    page.keyboard.press("Escape")
    expect(page.locator("#acts-sure")).to_be_hidden()
    expect(page.locator("#acts-count")).to_have_text("200")
    assert query(product, job, review="reviewed") == []

    page.click("#acts-confirm")
    promised = re.findall(r"(\d+) × (\S+?)[,.]", said.inner_text())
    page.click("#acts-sure [value=yes]")
    expect(page.locator("#undo-bar span")).to_contain_text("Confirmed: 40 × stripe-0")
    done = [item["final_label"] for item in query(product, job, review="confirmed")]
    assert {label: done.count(label) for label in set(done)} == {label: int(count) for count, label in promised}
    assert len(query(product, job, verdict="not_in_bank", review="todo")) == 36
    page.click("#undo-act")
    expect(page.locator("#count-reviewed")).to_have_text("0")
    assert query(product, job, review="reviewed") == []


def test_all_of_a_filter_are_selected(page: Page, job: str) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"/jobs/{job}?view=not_in_bank")
    expect(page.locator("#select-all")).to_have_text("Select all in this filter")
    page.click("#select-all")
    expect(page.locator("#acts-count")).to_have_text("36")
    page.click("#acts-confirm")
    expect(page.locator("#acts-sure p")).to_have_text("Nothing to confirm. 36 not in the bank stay to do.")
    expect(page.locator("#acts-sure [value=yes]")).to_be_hidden()
