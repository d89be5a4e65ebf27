"""Hours, deadline and order on the pages: chosen at submission, shown while the job waits, changed, overruled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import visiting
from tests.browser.test_accessibility import clean
from tests.product import Product, make_photos, run_product

_NOW = datetime.now(UTC)
#: The browser's zone in these tests, where it is about noon whenever they run: no hours go over midnight. It is not the
#: server's, but for an hour of the day. (The sign of these names is the other way round.)
ZONE = f"Etc/GMT{_NOW.hour - 12:+d}" if _NOW.hour != 12 else "UTC"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("hours"), engine="sleep:300") as running:
        make_photos(running.photos / "night", classes=5, each=10)
        yield running


@pytest.fixture
def page(browser: Browser, own: Product) -> Iterator[Page]:
    with visiting(browser, own, timezone_id=ZONE) as page:
        yield page


def later(hours: int) -> str:
    return f"{_NOW.astimezone(ZoneInfo(ZONE)) + timedelta(hours=hours):%H:00}"


def test_a_job_waits_for_its_hours_and_runs_all_the_same(page: Page, own: Product) -> None:
    page.goto("/")
    page.click("aside summary:has-text('A folder on the server')")
    page.fill("#folder-path", str(own.photos / "night"))
    page.click("aside .when summary")
    page.fill("aside [name=window_from]", later(3))
    page.fill("aside [name=window_to]", later(6))
    tomorrow = datetime.now(ZoneInfo(ZONE)) + timedelta(days=1)
    page.fill("aside [name=deadline]", f"{tomorrow:%Y-%m-%dT07:30}")
    page.click("aside button[type=submit].secondary")
    expect(page.locator("#progress .badge")).to_have_text("Outside its hours")
    # The hours are the visitor's, whatever zone the server is in.
    expect(page.locator("#hours")).to_contain_text(f"Waits until {later(3)}; works {later(3)}-{later(6)} ({ZONE})")
    expect(page.locator("#deadline")).to_contain_text("To be done by")
    job = page.url.rpartition("/")[2]
    clean(page, "a job outside its hours")
    page.goto("/jobs")
    expect(page.locator(f"tr:has(#job-{job}) .place")).to_contain_text("waits until")
    page.goto(f"/jobs/{job}")
    # The fields hold what is set.
    page.click("#whole > summary")
    expect(page.locator("#change-hours [name=window_from]")).to_have_value(later(3))
    expect(page.locator("#change-hours [name=deadline]")).to_have_value(f"{tomorrow:%Y-%m-%dT07:30}")
    page.fill("#change-hours [name=window_to]", later(7))
    page.fill("#change-hours [name=deadline]", f"{datetime.now(ZoneInfo(ZONE)) + timedelta(hours=1):%Y-%m-%dT%H:%M}")
    page.click("text=Set hours")
    expect(page.locator("#hours")).to_contain_text(f"{later(3)}-{later(7)}")
    # It opens after its deadline.
    expect(page.locator("#late")).to_contain_text("Late: it should be done by")
    page.click("text=Run now all the same")
    expect(page.locator("#hours")).to_contain_text("Works outside its hours")
    expect(page.locator("#progress .badge")).to_have_text("Classifying", timeout=60_000)
    page.click("#steer-cancel")


def test_an_upload_has_hours_and_what_runs_next(page: Page, own: Product, tmp_path: Path) -> None:
    page.goto("/")
    page.set_input_files("#files", [str(path) for path in sorted((own.photos / "night").rglob("*.jpg"))[:20]])
    page.click("#upload .when summary")
    page.fill("#upload [name=window_from]", later(3))
    page.fill("#upload [name=window_to]", "00:00")
    page.click("#send")
    page.wait_for_url(re.compile(r"/jobs/\w+$"))
    expect(page.locator("#progress .badge")).to_have_text("Outside its hours")
    expect(page.locator("#hours")).to_contain_text(ZONE)
    job = page.url.rpartition("/")[2]
    page.goto("/jobs")
    page.check(f"#tick-{job}")
    page.click("#act-first")
    expect(page.locator("main [role=status]")).to_contain_text("Moved to the front: 1.")
    expect(page.locator(f"tr:has(#job-{job})")).to_contain_text("Runs first")
    page.goto(f"/jobs/{job}")
    page.click("#whole > summary")
    page.click("text=Take turns again")
    page.goto("/jobs")
    expect(page.locator(f"tr:has(#job-{job})")).not_to_contain_text("Runs first")
