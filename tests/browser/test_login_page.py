"""Signing in, in a real browser: with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from shared.access.keys import Keys
from tests.browser.conftest import visiting
from tests.product import Product, eventually, run_product


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product that asks for keys; its bank is an administrator's."""
    folder = tmp_path_factory.mktemp("closed")
    named = {"auth_header": "X-Forwarded-User", "auth_groups": "*=read", "trusted_proxies": "127.0.0.1"}
    with run_product(folder, api_key="a-secret-that-somebody-chose", **named) as product:
        yield product


@pytest.fixture
def visitor(browser: Browser, closed: Product) -> Iterator[Page]:
    with visiting(browser, closed) as page:
        yield page


@contextmanager
def without_scripts(browser: Browser, product: Product) -> Iterator[Page]:
    context = browser.new_context(base_url=product.url, locale="zh-CN", java_script_enabled=False)
    yield context.new_page()
    context.close()


def sign_in(page: Page, key: str, button: str = "Sign in") -> None:
    page.locator("input[name=key]").fill(key)
    page.get_by_role("button", name=button, exact=True).click()


def test_one_signs_in_uploads_corrects_and_signs_out(visitor: Page, closed: Product, photos: Path) -> None:
    key = Keys.of(closed.settings).add("mei", ["submit", "review"])
    visitor.goto("/jobs?mine=1")
    expect(visitor.locator("body")).not_to_contain_text("Bank")
    sign_in(visitor, "mistyped")
    expect(visitor.get_by_role("alert").first).to_contain_text("not valid")
    sign_in(visitor, key)
    expect(visitor.get_by_role("heading", name="You have no jobs yet")).to_be_visible()
    visitor.goto("/")
    visitor.set_input_files("#files", [photos / "0.png", photos / "1.png"])
    visitor.get_by_role("button", name="Classify", exact=True).click()
    visitor.wait_for_url(re.compile(r"/jobs/\w{13}$"))
    expect(visitor.locator(".badge")).to_have_text("Finished")
    expect(visitor.locator(".meta")).to_contain_text("mei")
    card = visitor.locator("#item-0")
    card.get_by_text("Change class").click()
    card.locator("input[name=label]").fill("stripe-1")
    card.get_by_role("button", name="Save").click()
    expect(card.locator(".tag")).to_have_text("Corrected")
    expect(visitor.get_by_role("link", name="Keys")).to_have_count(0)
    visitor.get_by_role("button", name="Sign out").click()
    visitor.goto("/jobs")
    expect(visitor.locator("input[name=key]")).to_be_visible()


def test_an_administrator_makes_and_revokes_keys(visitor: Page, closed: Product) -> None:
    visitor.goto("/keys")
    sign_in(visitor, "a-secret-that-somebody-chose")
    visitor.locator("form.card input[name=name]").fill("looms")
    visitor.get_by_role("button", name="Create key").click()
    key = visitor.locator("#made").inner_text()
    assert Keys.of(closed.settings).holder(key) == "looms"
    visitor.goto("/keys")
    expect(visitor.locator("#made")).to_have_count(0)
    visitor.locator("tr", has_text="looms").get_by_role("button", name="Revoke").click()
    expect(visitor.locator("tr", has_text="looms")).to_have_count(0)
    assert Keys.of(closed.settings).holder(key) is None
    visitor.get_by_role("link", name="Audit log").click()
    expect(visitor.locator("tbody tr").first).to_contain_text("Key revoked")
    visitor.locator("select[name=act]").select_option("key_created")
    visitor.get_by_role("button", name="Show").click()
    expect(visitor.locator("tbody tr").first).to_contain_text("looms")


def test_without_scripts(browser: Browser, closed: Product, photos: Path) -> None:
    key = Keys.of(closed.settings).add("梅", ["submit"])
    with without_scripts(browser, closed) as page:
        page.goto("/")
        sign_in(page, key, "登录")
        page.set_input_files("#files", photos / "0.png")
        page.locator("#send").click()
        page.wait_for_url(re.compile(r"/jobs/\w{13}$"))
        expect(page.locator(".meta")).to_contain_text("梅")
        page.get_by_role("button", name="退出登录").click()
        page.goto("/jobs")
        expect(page.locator("input[name=key]")).to_be_visible()


def test_a_proxys_user_and_nobody_by_a_look_alike_header(closed: Product) -> None:
    """A proxy removes `X-Forwarded-User` from its clients' requests: `X_Forwarded_User` must not pass for it."""

    def name(header: str) -> tuple[int, str | None]:
        answer = requests.get(f"{closed.url}/api/v1/me", headers={header: "boss"}, timeout=20)
        return answer.status_code, answer.json().get("name")

    assert name("X-Forwarded-User") == (200, "boss")
    assert name("X_Forwarded_User") == (401, None)


def test_a_reader_looks_at_photos_but_reviews_none(browser: Browser, closed: Product, photos: Path) -> None:
    admin = {"Authorization": "Bearer a-secret-that-somebody-chose"}
    files = [("files", (f"{n}.png", (photos / f"{n}.png").read_bytes(), "image/png")) for n in range(2)]
    made = requests.post(f"{closed.url}/api/v1/jobs", files=files, headers=admin, timeout=60).json()
    address = f"{closed.url}/api/v1/jobs/{made['id']}"
    eventually(lambda: requests.get(address, headers=admin, timeout=30).json()["state"] == "finished", what="the end")
    reader = Keys.of(closed.settings).add(f"reader-{made['id']}", ["read"])
    with visiting(browser, closed) as page:
        page.goto(f"/jobs/{made['id']}")
        sign_in(page, reader)
        expect(page.locator("#review-link")).to_contain_text("Look at these photos one by one")
        page.goto(f"/jobs/{made['id']}/review")
        expect(page.locator("#review-refused")).to_contain_text("may look at results, but not review them")
        for button in ("#review-confirm", "#review-reject", "#review-undo", "#review-find"):
            expect(page.locator(button)).to_be_disabled()
            expect(page.locator("#review-following")).to_be_enabled()
        first = page.locator("#review-at").inner_text()
        for key in ("Enter", "x", "1", "n"):
            page.keyboard.press(key)
            expect(page.locator("#review-at")).to_have_text(first)
        expect(page.locator("#toast")).to_contain_text("may look at results, but not review them")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#review-at")).not_to_have_text(first)
    items = requests.get(f"{address}/items", headers=admin, timeout=30).json()["items"]
    assert [item["review"] for item in items] == ["todo", "todo"]
