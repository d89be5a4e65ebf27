"""A job's page: it follows the job, filters, corrects, and fits a phone."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Dialog, Page, Route, expect

from shared.jobs import archive
from shared.jobs.ledger import Ledger
from tests.product import Product, eventually


def submit(product: Product, count: int, name: str) -> str:
    files = [("files", (f"{name}-{n:03}.jpg", f"{name} {n}".encode())) for n in range(count)]
    answer = requests.post(f"{product.url}/api/v1/jobs", files=files, data={"name": name}, timeout=30)
    return str(answer.json()["id"])


def finished(product: Product, job: str) -> dict[str, int]:
    address = f"{product.url}/api/v1/jobs/{job}"
    eventually(lambda: requests.get(address, timeout=10).json()["state"] == "finished", what="the job's end")
    found: dict[str, int] = requests.get(address, timeout=10).json()
    return found


def test_it_follows_the_job_and_then_rests(page: Page, product: Product) -> None:
    job = submit(product, 20, "followed")
    page.goto(f"/jobs/{job}")
    expect(page.locator("#progress .badge")).to_have_text("Finished")
    expect(page.locator("article.item")).to_have_count(20)
    # What is returned for an ended job has no trigger: nothing polls any more.
    expect(page.locator("[data-poll]")).to_have_count(0)


def test_counts_that_come_before_the_first_photos(page: Page, product: Product, photos: Path) -> None:
    folder = product.photos / f"counted{time.time_ns()}"
    shutil.copytree(photos, folder)
    wish = {"path": str(folder), "not_before": time.time() + 8}
    job = requests.post(f"{product.url}/api/v1/jobs/folder", json=wish, timeout=60).json()["id"]
    # No photo is on the page, and none comes: only numbers, for which the page must have a place.
    page.route(re.compile(r"/results(\?|$)"), lambda route: None)
    page.goto(f"/jobs/{job}")
    expect(page.locator("#grid")).to_have_count(0)
    expect(page.locator("#count-all")).to_have_text("6")
    expect(page.locator("#grid-total")).to_have_attribute("data-total", "6")
    expect(page.locator("#grid-total")).to_be_hidden()


def test_more_is_loaded_on_demand(page: Page, product: Product) -> None:
    job = submit(product, 60, "many")
    finished(product, job)
    page.goto(f"/jobs/{job}")
    expect(page.locator("article.item")).to_have_count(48)
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 30_000)
    expect(page.locator("article.item")).to_have_count(60)
    expect(page.locator("#more a:visible")).to_have_count(0)


def test_more_is_loaded_on_demand_without_scripts(browser: Browser, product: Product) -> None:
    job = submit(product, 60, "paged")
    finished(product, job)
    context = browser.new_context(base_url=product.url, locale="en-US", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/jobs/{job}")
    expect(page.locator("article.item")).to_have_count(48)
    page.click("text=Show more")
    expect(page.locator("article.item")).to_have_count(12)
    expect(page.locator("#more >> text=Show more")).to_have_count(0)
    # A correction is saved, too: the form has an address of its own.
    card = page.locator("article.item").first
    card.locator("summary", has_text="Change class").click()
    card.locator("input[name=label]").fill("stripe-1")
    card.locator("text=Save").click()
    page.wait_for_url("**from=49")
    items = requests.get(f"{product.url}/api/v1/jobs/{job}/items?review=reviewed", timeout=10).json()["items"]
    assert [(item["index"], item["final_label"]) for item in items] == [(48, "stripe-1")]
    context.close()


def test_filters_stay_in_the_address(page: Page, product: Product) -> None:
    job = submit(product, 12, "filtered")
    finished(product, job)
    items = requests.get(f"{product.url}/api/v1/jobs/{job}/items", timeout=10).json()["items"]
    label = items[0]["label"]
    expected = sum(item["label"] == label for item in items)
    page.goto(f"/jobs/{job}")
    page.select_option("select[name=label]", label)
    expect(page.locator("article.item")).to_have_count(expected)
    assert f"label={label}" in page.url
    page.reload()
    expect(page.locator("article.item")).to_have_count(expected)
    page.select_option("select[name=sort]", "confidence")
    page.wait_for_url("**sort=confidence**")


def test_a_correction_and_its_undo(page: Page, product: Product) -> None:
    job = submit(product, 1, "corrected")
    finished(product, job)
    page.goto(f"/jobs/{job}")
    card = page.locator("article.item")
    predicted = card.locator("h3").inner_text()
    card.locator("summary").click()
    card.locator("input[name=label]").fill("herringbone")
    card.locator("text=Save").click()
    card.locator("text=Create the new class").click()
    expect(card.locator("h3")).to_have_text("herringbone")
    expect(card.locator(".tag")).to_have_text("Corrected")
    # The bar of the old guess must not stand under the person's word.
    expect(card.locator("meter")).to_have_count(0)
    expect(card.locator(".predicted")).to_contain_text(predicted.rstrip("?"))
    card.locator("summary").click()
    card.locator(".text-button").click()
    expect(card.locator("h3")).to_have_text(predicted)


def test_an_unknown_class_is_asked_about_in_chinese_before_anything_is_stored(page: Page, product: Product) -> None:
    job = submit(product, 1, "asked")
    finished(product, job)
    page.goto(f"/jobs/{job}?lang=zh")
    card = page.locator("article.item")
    predicted = card.locator("h3").inner_text()
    card.locator("summary").click()
    save = card.locator("form button")
    expect(save).to_have_text("保存")
    # Two characters side by side, not one below the other.
    assert save.evaluate("e => e.scrollHeight / parseFloat(getComputedStyle(e).lineHeight)") < 2.2
    card.locator("input[name=label]").fill("stripe-22")
    save.click()
    expect(card.locator(".question")).to_contain_text("没有名为“stripe-22”的类别")
    expect(card.locator("h3")).to_have_text(predicted)
    card.locator(".question .quiet-button", has_text="stripe-2").click()
    expect(card.locator("h3")).to_have_text("stripe-2")
    expect(card.locator(".predicted")).to_contain_text("系统识别")


def test_failures_say_what_to_do_and_are_tried_again(page: Page, product: Product, tmp_path: Path) -> None:
    folder = product.photos / "with-a-way-out"
    folder.mkdir(parents=True)
    (folder / "good.jpg").write_bytes(b"good")
    (tmp_path / "private.jpg").write_bytes(b"private")
    (folder / "link.jpg").symlink_to(tmp_path / "private.jpg")
    answer = requests.post(f"{product.url}/api/v1/jobs/folder", json={"path": folder.name}, timeout=10)
    job = str(answer.json()["id"])
    finished(product, job)
    page.goto(f"/jobs/{job}")
    failures = page.locator(".failures li")
    expect(failures).to_contain_text("Outside the allowed folders")
    failures.locator("text=Show").click()
    expect(page.locator("article.item")).to_have_count(1)
    expect(page.locator("article.item .file")).to_have_text("link.jpg")
    page.goto(f"/jobs/{job}")
    (folder / "link.jpg").unlink()
    (folder / "link.jpg").write_bytes(b"a photo at last")
    page.click("text=Retry failed photos")
    expect(page.locator("#progress .badge")).to_have_text("Finished")
    expect(page.locator("article.item.failed")).to_have_count(0)
    expect(page.locator("article.item")).to_have_count(2)
    expect(failures).to_have_count(0)


def test_exports_are_offered(page: Page, product: Product) -> None:
    job = submit(product, 2, "exported")
    finished(product, job)
    page.goto(f"/jobs/{job}")
    with page.expect_download() as download:
        page.click(".exports >> text=CSV")
    assert download.value.suggested_filename == "exported.csv"


def test_exports_follow_the_filter(page: Page, product: Product) -> None:
    job = submit(product, 12, "chosen")
    finished(product, job)
    items = requests.get(f"{product.url}/api/v1/jobs/{job}/items", timeout=10).json()["items"]
    label = items[0]["label"]
    page.goto(f"/jobs/{job}")
    page.select_option("select[name=label]", label)
    expect(page.locator(".exports")).to_contain_text("Export filtered results")
    with page.expect_download() as download:
        page.click(".exports >> text=JSONL")
    assert download.value.suggested_filename == "chosen (filtered).jsonl"
    lines = download.value.path().read_text("utf-8").splitlines()
    assert len(lines) == sum(item["label"] == label for item in items)


def test_jobs_list(page: Page, product: Product) -> None:
    job = submit(product, 1, "listed-here")
    finished(product, job)
    page.goto("/jobs")
    page.click("text=listed-here")
    expect(page.locator("h1")).to_have_text("listed-here")


@pytest.mark.parametrize("address", ["/", "/jobs", "/bank", "/workers", "/jobs/{job}"])
def test_a_phone_never_scrolls_sideways(page: Page, product: Product, address: str) -> None:
    job = submit(product, 2, "a-rather-long-name-without-a-single-space-in-it-" * 3) if "{job}" in address else ""
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(address.format(job=job))
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_bank_and_class(page: Page) -> None:
    page.goto("/bank")
    expect(page.locator("a.class")).to_have_count(4)
    page.fill("[name=q]", "stripe-2")
    page.press("[name=q]", "Enter")
    expect(page.locator("a.class")).to_have_count(1)
    page.click("a.class")
    expect(page.locator("label.pickable")).to_have_count(6)


def test_workers(page: Page, product: Product) -> None:
    page.goto("/workers")
    expect(page.locator(".worker .badge")).to_have_text("Ready")
    expect(page.locator(".command code").first).to_contain_text(str(product.settings.data_dir))


def test_an_ended_job_is_deleted_after_a_question(page: Page, product: Product) -> None:
    job = submit(product, 3, "unwanted")
    finished(product, job)
    questions: list[str] = []

    def refuse(dialog: Dialog) -> None:
        questions.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", refuse)
    page.goto(f"/jobs/{job}")
    page.click("#progress button:has-text('Delete')")
    eventually(lambda: bool(questions), what="the question")
    assert "cannot be recovered" in questions[0]
    assert requests.get(f"{product.url}/api/v1/jobs/{job}", timeout=10).ok
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#progress button:has-text('Delete')")
    page.wait_for_url("**/jobs")
    assert requests.get(f"{product.url}/api/v1/jobs/{job}", timeout=10).status_code == 404
    expect(page.locator(f"a[href='/jobs/{job}']")).to_have_count(0)


def test_an_archived_job_is_shown_corrected_and_not_tried_again(page: Page, product: Product) -> None:
    job = submit(product, 5, "archived")
    finished(product, job)
    assert archive.release(product.settings, Ledger.connect(product.settings), job)
    page.goto(f"/jobs/{job}")
    expect(page.locator("#progress .badge")).to_have_text("Finished")
    expect(page.locator("article.item")).to_have_count(5)
    page.goto("/jobs?which=archived")
    expect(page.locator(f"a[href='/jobs/{job}']")).to_have_text("archived")


#: A browser without a desktop shows no notification; what it was asked to show is noted.
NOTED = """
window.told = [];
window.Notification = class {
  constructor(title, more) { told.push([title, more.body]); }
  static permission = "granted";
  static async requestPermission() { return "granted"; }
};
Object.defineProperty(document, "hidden", { get: () => window.away === true });
"""


def test_a_tab_in_the_background_tells_the_end(page: Page, curated: Product) -> None:
    page.add_init_script(NOTED)
    # It has not begun, so that it cannot end before the click.
    later = {"name": "told", "not_before": str(time.time() + 3600)}
    sent = requests.post(f"{curated.url}/api/v1/jobs", files=[("files", ("a.jpg", b"told"))], data=later, timeout=30)
    page.goto(f"{curated.url}/jobs/{sent.json()['id']}")
    page.click("#notify")
    expect(page.locator("#notify")).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.away = true")
    page.evaluate("document.body.dispatchEvent(new Event('job-ended'))")
    assert page.title().startswith("✓ ")
    assert page.evaluate("told") == [["The job is finished", "told"]]
    expect(page.locator("#notify")).to_be_hidden()


def test_a_picture_that_failed_before_the_scripts_came_leaves_the_woven_ground(page: Page, product: Product) -> None:
    job = submit(product, 4, "unpictured")
    finished(product, job)

    def late(route: Route) -> None:
        page.wait_for_timeout(1000)
        route.continue_()

    page.route("**/js/page*.js*", late)
    page.goto(f"/jobs/{job}")
    pictures = page.locator("article .photo .picture img")
    expect(pictures).to_have_count(4)
    for number in range(4):
        expect(pictures.nth(number)).to_be_hidden()
