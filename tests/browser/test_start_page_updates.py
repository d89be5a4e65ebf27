"""The start page's notices follow what happens, and a refused form is there in the other language, too."""

from __future__ import annotations

import re

import pytest
import requests
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from shared.core.settings import Settings
from tests.browser.test_job_page import finished
from tests.product import Product
from web.app import create_app


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.mark.parametrize("part", ["bank-notice", "readiness", "recent"])
def test_parts_ask_for_themselves_alone(client: FlaskClient, part: str) -> None:
    text = client.get("/", headers={"HX-Request": "true", "HX-Target": part}).get_data(as_text=True)
    assert f'id="{part}"' in text
    assert "<html" not in text


def test_without_a_bank_the_notice_keeps_asking(client: FlaskClient) -> None:
    text = client.get("/").get_data(as_text=True)
    assert re.search(r'id="bank-notice" hx-get="/"[^>]*data-poll', text)
    assert "No bank is active yet" in text


def test_a_recent_job_moves_without_a_reload(page: Page, product: Product) -> None:
    files = [("files", (f"moving-{n}.jpg", f"moving {n}".encode())) for n in range(3)]
    api = f"{product.url}/api/v1/jobs"
    job = requests.post(api, files=files, data={"name": "moving along"}, timeout=30).json()["id"]
    page.goto("/")
    row = page.locator("#recent li", has=page.locator(f"#recent-{job}"))
    expect(row.locator(".badge")).to_have_text("Finished")
    finished(product, job)
    # All have ended: nothing polls any more.
    expect(page.locator("#readiness[data-poll]")).to_have_count(0)


def test_a_refused_folder_is_there_in_the_other_language(page: Page, product: Product) -> None:
    page.goto("/")
    page.click("aside details summary")
    page.fill("#folder-path", "/nowhere/at/all")
    page.locator("aside [name=name]").fill("evening")
    page.locator("aside [name=priority]").select_option("low")
    page.click("aside button[type=submit]")
    expect(page.locator("aside .failure")).to_be_visible()
    page.click(".languages a")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#folder-path")).to_have_value("/nowhere/at/all")
    expect(page.locator("aside [name=name]")).to_have_value("evening")
    expect(page.locator("aside [name=priority]")).to_have_value("low")
    page.goto("/upload?lang=en")
    expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize("form", ["#upload", "form[action='/folder']"])
def test_tonight_is_one_click(page: Page, form: str) -> None:
    page.clock.set_fixed_time("2026-11-30T21:15:00")
    page.goto("/")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.locator(f"{form} [data-tonight]").click()
    expect(page.locator(f"{form} [name=not_before]")).to_have_value("2026-11-30T22:00")
    # Past ten it is tomorrow's.
    page.clock.set_fixed_time("2026-11-30T22:05:00")
    page.locator(f"{form} [data-tonight]").click()
    expect(page.locator(f"{form} [name=not_before]")).to_have_value("2026-12-01T22:00")
