"""Jobs in the browser: searched, archived, deleted, renamed, run again, compared, summed up; folders by click."""

from __future__ import annotations

import io
import re
import time
from contextlib import closing
from pathlib import Path

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from shared.jobs.projection import open_projection
from shared.storage import open_storage
from tests.product import Product, eventually

JOB = re.compile(r"/jobs/[0-9a-z]{13}$")
LOCALES = {"en": "en-US", "zh": "zh-CN"}


def made(product: Product, name: str, count: int = 3, seed: int = 0) -> str:
    """An ended job of so many photos."""
    folder = product.photos / name
    folder.mkdir(parents=True)
    for n in range(count):
        Image.new("RGB", (40, 30), (seed % 256, n * 20, 90)).save(folder / f"{n}.png")
    wish = {"path": str(folder), "name": name}
    job = str(requests.post(f"{product.url}/api/v1/jobs/folder", json=wish, timeout=60).json()["id"])
    address = f"{product.url}/api/v1/jobs/{job}"
    eventually(lambda: requests.get(address, timeout=60).json()["state"] == "finished", what="the job's end")
    return job


def state(product: Product, job: str) -> requests.Response:
    return requests.get(f"{product.url}/api/v1/jobs/{job}", timeout=60)


@pytest.mark.parametrize("lang", LOCALES)
def test_jobs_are_searched_chosen_archived_and_deleted(browser: Browser, product: Product, lang: str) -> None:
    mark = f"list{time.time_ns()}"
    jobs = [made(product, f"{mark}-{n}", 1, n) for n in range(4)]
    context = browser.new_context(base_url=product.url, locale=LOCALES[lang])
    page = context.new_page()
    page.goto("/jobs")
    page.fill(".job-search [name=q]", mark)
    page.keyboard.press("Enter")
    expect(page.locator("[name=job]")).to_have_count(4)
    page.check(f"#tick-{jobs[3]}")
    page.click(f"#tick-{jobs[2]}", modifiers=["Shift"])
    expect(page.locator("#job-count")).to_contain_text("2")
    page.click("#act-archive")
    expect(page.locator("main [role=status]")).to_contain_text({"en": "Archived: 2", "zh": "已归档 2"}[lang])
    expect(page.locator("[name=job]")).to_have_count(2)
    page.select_option(".job-search [name=which]", "archived")
    page.click(".job-search button")
    expect(page.locator("[name=job]")).to_have_count(2)
    assert all(state(product, job).json()["archived"] for job in jobs[2:])
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.check("#tick-all")
    page.click("#act-delete")
    expect(page.locator("main [role=status]")).to_contain_text({"en": "Deleted: 2", "zh": "已删除 2"}[lang])
    assert len(asked) == 1
    assert "2" in asked[0]
    assert [state(product, job).status_code for job in jobs] == [200, 200, 404, 404]
    page.reload()
    expect(page.locator("main [role=status]")).to_have_count(0)
    context.close()


def test_what_cannot_be_done_is_said_and_the_rest_is_done(page: Page, product: Product) -> None:
    mark = f"mixed{time.time_ns()}"
    ended = made(product, f"{mark}-ended", 1)
    wish = {"path": str(product.photos), "name": f"{mark}-waiting", "not_before": time.time() + 3600}
    waiting = str(requests.post(f"{product.url}/api/v1/jobs/folder", json=wish, timeout=60).json()["id"])
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/jobs?q={mark}")
    page.check("#tick-all")
    page.click("#act-high")
    expect(page.locator("main [role=status]")).to_contain_text("Not possible for 1. An ended job has no priority")
    assert state(product, waiting).json()["priority"] == "high"
    expect(page.locator(".state-cell", has_text="Scheduled")).to_contain_text("High")
    page.check("#tick-all")
    page.click("#act-delete")
    expect(page.locator("main [role=status]")).to_contain_text("Deleted: 1.")
    expect(page.locator("main [role=status]")).to_contain_text("has not ended")
    assert state(product, ended).status_code == 404
    requests.post(f"{product.url}/api/v1/jobs/{waiting}/cancel", timeout=60)


@pytest.mark.parametrize("lang", LOCALES)
def test_a_job_is_renamed_run_again_and_compared(browser: Browser, product: Product, lang: str) -> None:
    name = f"again{time.time_ns()}"
    job = made(product, name, 4, 77)
    context = browser.new_context(base_url=product.url, locale=LOCALES[lang])
    page = context.new_page()
    page.goto(f"/jobs/{job}")
    page.click("#whole > summary")
    page.fill("#new-name", f"{name} 新")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(f"{name} 新")
    page.click("#whole > summary")
    page.select_option("#again-preset", "realtime")
    page.click("#run-again")
    page.wait_for_url(lambda address: JOB.search(address) is not None and job not in address)
    expect(page.locator(".job-head .meta")).to_contain_text(f"{name} 新")
    expect(page.locator("#progress .badge")).to_have_text({"en": "Finished", "zh": "已完成"}[lang], timeout=120_000)
    again = page.url.rpartition("/")[2]
    # One answer of the second run is made another one, as another bank would give it.
    with closing(open_projection(product.settings, again)) as projection:
        projection._db.execute("UPDATE items SET verdict = 'unsure', confidence = 0.41 WHERE idx = 2")
        projection._db.execute("UPDATE items SET verdict = 'label' WHERE idx != 2")
    with closing(open_projection(product.settings, job)) as projection:
        projection._db.execute("UPDATE items SET verdict = 'label'")
    page.click("#what-changed")
    expect(page.locator(".compared > li")).to_have_count(1)
    photo = page.locator(".compared > li")
    expect(photo).to_contain_text("2.png")
    expect(photo).to_contain_text({"en": "41%", "zh": "41%"}[lang])
    page.click(f".change-list a:has-text('{ {'en': 'Unchanged', 'zh': '无变化'}[lang] }')")
    expect(page.locator(".compared > li")).to_have_count(3)
    page.goto(f"/jobs/{again}")
    page.click("#whole > summary")
    page.select_option("#compare-with", job)
    page.click("#compare-jobs")
    page.wait_for_url(f"**/jobs/{job}/compare/{again}")
    files = [("files", ("strange.png", name.encode()))]
    strange = requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=60).json()["id"]
    page.goto(f"/jobs/{job}/compare/{strange}")
    expect(page.locator("main .quiet h2")).to_have_text(
        {"en": "The two jobs have no photos in common.", "zh": "这两个任务没有相同的照片。"}[lang]
    )
    # A deleted job leaves no link that leads nowhere.
    assert requests.delete(f"{product.url}/api/v1/jobs/{job}", timeout=60).status_code == 204
    page.goto(f"/jobs/{again}")
    expect(page.locator(".job-head .meta")).to_contain_text(
        {"en": "Photos of a deleted job", "zh": "照片来自已删除的任务"}[lang]
    )
    expect(page.locator(f".job-head a[href*='{job}']")).to_have_count(0)
    context.close()


@pytest.mark.parametrize("lang", LOCALES)
def test_a_summary_is_looked_at_printed_and_saved(
    browser: Browser, product: Product, lang: str, tmp_path: Path
) -> None:
    job = made(product, f"summary-{lang}", 9, 120)
    context = browser.new_context(base_url=product.url, locale=LOCALES[lang])
    page = context.new_page()
    # The engine of this product reads no pixels, and so makes no thumbnails.
    for item in requests.get(f"{product.url}/api/v1/jobs/{job}/items", timeout=60).json()["items"]:
        jpeg = io.BytesIO()
        Image.new("RGB", (240, 180), (90, 20 * item["index"], 60)).save(jpeg, "JPEG")
        open_storage(product.settings).put_thumb(item["sha256"], jpeg.getvalue())
    page.goto(f"/jobs/{job}")
    page.click("#summary-link")
    expect(page.locator("#print")).to_be_visible()
    expect(page.locator(".s-facts")).to_contain_text("9")
    with page.expect_download() as saved:
        page.click("#save-summary")
    target = tmp_path / "summary.html"
    saved.value.save_as(target)
    html = target.read_text("utf-8")
    # It needs nothing else: no address but pictures that are in it.
    assert not re.findall(r'(?:src|href)="(?!data:image/jpeg;base64,)', html)
    assert len(html) < 2_000_000
    assert 'src="data:image/jpeg' in html
    alone = context.new_page()
    alone.goto(target.as_uri())
    expect(alone.locator("h1")).to_have_text(f"summary-{lang}")
    loaded = alone.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert loaded
    page.emulate_media(media="print")
    expect(page.locator(".top")).to_be_hidden()
    expect(page.locator("#save-summary")).to_be_hidden()
    expect(page.locator(".s-facts")).to_be_visible()
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    context.close()


@pytest.mark.parametrize("lang", LOCALES)
def test_folders_are_browsed_by_click(browser: Browser, product: Product, lang: str) -> None:
    inner = product.photos / f"browsed-{lang}" / "inner"
    inner.mkdir(parents=True)
    (inner.parent / ".hidden").mkdir()
    for n in range(3):
        Image.new("RGB", (20, 20), (n, 3, 5)).save(inner / f"{n}.png")
    context = browser.new_context(base_url=product.url, locale=LOCALES[lang])
    page = context.new_page()
    page.goto("/")
    page.click("aside details summary")
    page.click("#browse")
    page.click(f"#folder-list button:has-text('{product.photos}')")
    page.click(f"#folder-list button:has-text('browsed-{lang}')")
    expect(page.locator("#folder-list button")).to_have_text(["inner"])
    page.click("#folder-list button:has-text('inner')")
    expect(page.locator("#folder-told")).to_contain_text("3")
    expect(page.locator("#folder-path")).to_have_value(str(inner))
    page.click("#folder-up")
    expect(page.locator("#folder-path")).to_have_value(str(inner.parent))
    page.click("#folder-list button:has-text('inner')")
    expect(page.locator("#folder-path")).to_have_value(str(inner))
    page.click("aside form button[type=submit]")
    page.wait_for_url(JOB)
    context.close()


def test_no_folder_outside_of_the_allowed_ones_is_told(product: Product) -> None:
    api = f"{product.url}/api/v1/folders"
    if not (product.photos / "way-out").is_symlink():
        (product.photos / "way-out").symlink_to("/etc")
    for path in ("/etc", "/", f"{product.photos}/..", f"{product.photos}/way-out", f"{product.photos}/%00", "relative"):
        answer = requests.get(api, params={"path": path}, timeout=60)
        assert answer.status_code in (400, 403), path
        assert "passwd" not in answer.text
    inside = requests.get(api, params={"path": str(product.photos)}, timeout=60).json()
    assert inside["parent"] is None
    assert "way-out" not in [folder["name"] for folder in inside["folders"]]
    assert requests.get(api, timeout=60).json()["folders"] == [
        {"name": str(product.photos), "path": str(product.photos)}
    ]
