"""From the start page to results, the way a person goes."""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import Page, Route, expect

from shared.jobs.intake.sources import local_files
from shared.jobs.notes import left_out_sentence
from tests.product import Product, eventually

JOB = re.compile(r"/jobs/[0-9a-z]{13}")


def test_photos_to_results(page: Page, photos: Path) -> None:
    page.goto("/")
    expect(page.locator("#send")).to_be_disabled()
    page.set_input_files("#files", [photos / f"{n}.png" for n in range(3)])
    expect(page.locator("#count")).to_have_text("3")
    page.fill("#upload [name=name]", "Browser swatches")
    page.locator("#upload .preset", has_text="Quick").click()
    page.click("#send")
    page.wait_for_url(JOB)
    expect(page.locator("h1")).to_have_text("Browser swatches")
    expect(page.locator("#progress .badge")).to_have_text("Finished")
    expect(page.locator("article.item")).to_have_count(3)
    expect(page.locator(".job-head .meta")).to_contain_text("Quick")
    expect(page.locator("article.item").first.locator(".candidates li")).to_have_count(3)


def test_an_upload_may_start_later(page: Page, photos: Path) -> None:
    page.goto("/")
    page.set_input_files("#files", [photos / "0.png"])
    page.fill("#upload [name=not_before]", (datetime.now() + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M"))
    page.click("#send")
    page.wait_for_url(JOB)
    expect(page.locator("#progress .badge")).to_have_text("Scheduled")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("text=End job")
    expect(page.locator("#progress .badge")).to_have_text("Cancelled")


def test_a_folder_with_what_is_no_photo(page: Page, photos: Path) -> None:
    page.goto("/")
    page.set_input_files("#folder", photos)
    expect(page.locator("#count")).to_have_text("6")
    expect(page.locator("#refused")).to_have_text("Left out: 1 .txt.")
    page.click("#send")
    page.wait_for_url(JOB)
    expect(page.locator("h1")).to_have_text("swatches")
    expect(page.locator("article.item")).to_have_count(6)
    expect(page.locator(".file", has_text="deeper/5.png")).to_be_visible()


def test_the_page_leaves_out_what_folders_and_archives_do(page: Page, photos: Path) -> None:
    names = (
        "a.xmp", "b.XMP", "clip.mp4", "list", "Thumbs.db", "desktop.ini", "@eaDir/0.jpg", "#recycle/1.jpg", "._0.jpg",
        "$RECYCLE.BIN/2.jpg", "System Volume Information/3.jpg", "lost+found/4.jpg", "README.md", "readme.jpg", "x.htm",
    )  # fmt: skip
    for name in names:
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(name.encode())
    left_out: Counter[str] = Counter()
    files = local_files([photos], left_out)
    page.goto("/")
    page.set_input_files("#folder", photos)
    expect(page.locator("#count")).to_have_text(str(len(files)))
    expect(page.locator("#refused")).to_have_text(left_out_sentence(left_out, "en") or "")


def test_a_photo_that_is_gone_or_changed_is_named_and_the_rest_is_sent(page: Page, photos: Path) -> None:
    page.goto("/")
    page.set_input_files("#files", [photos / f"{n}.png" for n in range(4)])
    expect(page.locator("#count")).to_have_text("4")
    (photos / "1.png").unlink()
    (photos / "2.png").write_bytes((photos / "2.png").read_bytes() + b"changed")
    # Whoever stays on the page reads it; here it is held up for that.
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/v1/uploads/*/finish", hold)
    page.click("#send")
    expect(page.locator("#lost-files")).to_contain_text("1.png")
    expect(page.locator("#lost-files")).to_contain_text("2.png")
    eventually(lambda: bool(page.evaluate("1")) and bool(held), what="the end of the upload")
    held[0].continue_()
    page.wait_for_url(JOB)
    expect(page.locator("article.item")).to_have_count(2)


def test_two_photos_of_one_name_size_and_time_are_two(page: Page, tmp_path: Path) -> None:
    for n, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 8), (n * 10, 0, 0)).save(tmp_path / folder / "1.bmp")
        os.utime(tmp_path / folder / "1.bmp", (1_700_000_000, 1_700_000_000))
    page.goto("/")
    page.set_input_files("#files", tmp_path / "a" / "1.bmp")
    expect(page.locator("#count")).to_have_text("1")
    page.set_input_files("#files", tmp_path / "b" / "1.bmp")
    expect(page.locator("#count")).to_have_text("2")
    # The first one again is no third.
    page.set_input_files("#files", tmp_path / "a" / "1.bmp")
    page.set_input_files("#files", [tmp_path / "a" / "1.bmp", tmp_path / "b" / "1.bmp"])
    expect(page.locator("#count")).to_have_text("2")
    page.click("#send")
    page.wait_for_url(JOB)
    expect(page.locator("article.item")).to_have_count(2)


def test_a_zip(page: Page, photos: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for n in range(2):
            archive.write(photos / f"{n}.png", f"{n}.png")
    page.goto("/")
    page.set_input_files("#files", packed)
    expect(page.locator("#archives")).to_have_text("1")
    page.click("#send")
    page.wait_for_url(JOB)
    expect(page.locator("article.item")).to_have_count(2)


def test_a_refused_upload_says_why_and_can_be_changed(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no zip")
    page.goto("/")
    page.set_input_files("#files", broken)
    page.click("#send")
    expect(page.locator("#upload-failed")).to_contain_text("broken.zip is damaged")
    page.click("#clear")
    expect(page.locator("#upload-failed")).to_be_hidden()


def test_a_server_folder(page: Page, product: Product, photos: Path) -> None:
    target = product.photos / "browser-folder"
    target.mkdir(parents=True)
    (target / "0.png").write_bytes((photos / "0.png").read_bytes())
    page.goto("/")
    page.click("text=A folder on the server")
    page.fill("aside [name=path]", "browser-folder")
    page.click("text=Classify folder")
    page.wait_for_url(JOB)
    expect(page.locator("#progress .badge")).to_have_text("Finished")


def test_a_wrong_folder_keeps_the_form(page: Page) -> None:
    page.goto("/")
    page.click("text=A folder on the server")
    page.fill("aside [name=path]", "nowhere")
    page.click("text=Classify folder")
    expect(page.locator("aside .failure")).to_contain_text("no folder nowhere")
    expect(page.locator("aside [name=path]")).to_have_value("nowhere")


def test_the_demo_says_that_it_is_one(page: Page) -> None:
    for address in ("/", "/jobs", "/bank", "/workers"):
        page.goto(address)
        expect(page.locator(".notice.warn")).to_contain_text("labels are meaningless")


def test_chinese_and_back(page: Page) -> None:
    page.goto("/")
    page.click("text=中文")
    expect(page.locator("h1")).to_have_text("这是什么面料？")
    page.goto("/workers")
    expect(page.locator("h1")).to_have_text("识别服务")
    page.click("text=English")
    expect(page.locator("h1")).to_have_text("Workers")
    page.goto("/bank?q=stripe-1")
    page.click("text=中文")
    expect(page.locator("a.class")).to_have_count(1)


def test_without_javascript(product: Product, photos: Path) -> None:
    """The plain form posts, and is led to the job."""
    with (photos / "0.png").open("rb") as photo:
        answer = requests.post(
            f"{product.url}/upload", files={"files": ("0.png", photo)}, data={"preset": "standard"}, timeout=30
        )
    assert JOB.search(answer.url)
    assert answer.status_code == 200
