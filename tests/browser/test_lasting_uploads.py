"""Uploads that survive a link that is cut, a reload, a pause and a busy server: every photo once, and one job."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.sending import PATIENCE, arrived, choose, make_photos, visit
from tests.cutting_proxy import CuttingProxy
from tests.product import Product, eventually

pytestmark = pytest.mark.slow


def jobs_named(product: Product, name: str) -> int:
    query = {"search": name, "limit": 500}
    return len(requests.get(f"{product.url}/api/v1/jobs", params=query, timeout=60).json()["jobs"])


def cut_five_times(browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path, count: int) -> None:
    name = f"five-cuts-{count}"
    size = make_photos(tmp_path / name, count, count)
    context, page = visit(browser, proxy)
    page.goto("/")
    choose(page, tmp_path / name, count)
    proxy.cut_at([size * n // 6 for n in range(1, 6)], away_seconds=1.0)
    page.click("#send")
    assert sorted(arrived(product, page)) == [f"{name}/{n:04}.png" for n in range(count)]
    assert proxy.cuts == 5
    assert jobs_named(product, name) == 1
    # What a cut costs is one batch for each request on its way, not the whole upload.
    assert proxy.sent < size * 1.2 + 5 * 2 * 9_000_000
    context.close()


def test_a_link_that_is_cut_five_times(browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path) -> None:
    cut_five_times(browser, product, proxy, tmp_path, 300)


@pytest.mark.long
def test_two_thousand_photos_over_a_link_that_is_cut_five_times(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path
) -> None:
    cut_five_times(browser, product, proxy, tmp_path, 2000)


@pytest.mark.parametrize(("locale", "words"), [("en-US", "was interrupted"), ("zh-CN", "中断")])
def test_a_reload_and_the_same_folder_again(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path, locale: str, words: str
) -> None:
    name = f"reloaded-{locale}"
    size = make_photos(tmp_path / name, 200, len(locale) + ord(locale[0]))
    context, page = visit(browser, proxy, locale)
    page.goto("/")
    choose(page, tmp_path / name, 200)
    begun = proxy.sent
    # So slow that it is reloaded in the middle, whatever else the machine does.
    proxy.bytes_per_second = 100_000
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#send")
    eventually(lambda: proxy.sent - begun > size * 0.6, what="most of the upload")
    page.reload()
    proxy.bytes_per_second = 1_500_000
    expect(page.locator("#interrupted")).to_contain_text(words)
    before = proxy.sent
    choose(page, tmp_path / name, 200)
    page.click("#send")
    assert sorted(arrived(product, page)) == [f"{name}/{n:04}.png" for n in range(200)]
    # What had arrived was not sent again.
    assert proxy.sent - before < size * 0.75
    assert jobs_named(product, name) == 1
    page.goto("/")
    expect(page.locator("#interrupted")).to_be_hidden()
    context.close()


def test_a_name_that_the_server_cleans_is_the_same_photo_after_a_reload(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path
) -> None:
    make_photos(tmp_path / "cleaned", 3, 11)
    (tmp_path / "cleaned" / "0001.png").rename(tmp_path / "cleaned" / "left\u200emark.png")
    context, page = visit(browser, proxy)
    page.on("dialog", lambda dialog: dialog.accept())
    page.route("**/uploads/*/finish", lambda route: route.abort())
    page.goto("/")
    page.set_input_files("#files", sorted((tmp_path / "cleaned").iterdir()))
    page.click("#send")
    expect(page.locator("#trouble")).to_contain_text("No connection", timeout=PATIENCE)
    page.reload()
    expect(page.locator("#interrupted")).to_contain_text("3 of 3 files", timeout=PATIENCE)
    page.unroute("**/uploads/*/finish")
    page.set_input_files("#files", sorted((tmp_path / "cleaned").iterdir()))
    page.click("#send")
    assert sorted(arrived(product, page)) == ["0000.png", "0002.png", "leftmark.png"]
    context.close()


def test_photos_that_the_server_has_are_not_sent(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path
) -> None:
    size = make_photos(tmp_path / "known", 60, 5)
    context, page = visit(browser, proxy)
    # As over plain HTTP, where browsers have no SHA-256 of their own.
    page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    sent = []
    for _ in range(2):
        page.goto("/")
        choose(page, tmp_path / "known", 60)
        before = proxy.sent
        page.click("#send")
        assert len(arrived(product, page)) == 60
        sent.append(proxy.sent - before)
    assert sent[0] > size
    assert sent[1] < size / 5
    context.close()


def test_a_pause_a_busy_server_and_each_file(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path
) -> None:
    make_photos(tmp_path / "paused", 100, 6)
    context, page = visit(browser, proxy)
    refused: list[str] = []

    def busy(route: Route) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            body = '{"code": "server_busy", "detail": "The server has more requests than it can answer now."}'
            route.fulfill(status=503, headers={"Retry-After": "3"}, content_type="application/json", body=body)
        else:
            route.continue_()

    page.route("**/uploads/*/photos", busy)
    page.goto("/")
    choose(page, tmp_path / "paused", 100)
    page.click("#send")
    expect(page.locator("#trouble")).to_contain_text("more requests than it can answer")
    page.click("#pause")
    expect(page.locator("#trouble")).to_contain_text("Paused")
    page.click("#each summary")
    expect(page.locator("#each-file li")).to_have_count(100)
    expect(page.locator("#each-file li", has_text="0099.png")).to_contain_text("waiting")
    before = proxy.sent
    page.wait_for_timeout(1500)
    assert proxy.sent - before < 100_000
    expect(page.locator("#sent")).to_contain_text("of 100 photos")
    page.click("#pause")
    assert len(arrived(product, page)) == 100
    assert len(refused) == 2
    context.close()


def test_a_damaged_archive_is_left_out_and_the_rest_continues(page: Page, product: Product, tmp_path: Path) -> None:
    make_photos(tmp_path / "mixed", 3, 7)
    (tmp_path / "mixed" / "broken.zip").write_bytes(b"no zip")
    page.goto("/")
    page.set_input_files("#files", sorted((tmp_path / "mixed").iterdir()))
    page.click("#send")
    expect(page.locator("#upload-failed")).to_contain_text("broken.zip is damaged")
    page.click("#leave-out")
    assert len(arrived(product, page)) == 3


def test_an_upload_is_discarded(browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path) -> None:
    make_photos(tmp_path / "discarded", 4, 8)
    context, page = visit(browser, proxy)
    page.route("**/uploads/*/finish", lambda route: route.abort())
    page.goto("/")
    page.set_input_files("#files", sorted((tmp_path / "discarded").iterdir()))
    page.click("#send")
    expect(page.locator("#trouble")).to_contain_text("No connection")
    page.click("#stop")
    expect(page.locator("#sending")).to_be_hidden()
    expect(page.locator("#send")).to_be_enabled()
    page.goto("/")
    expect(page.locator("#interrupted")).to_be_hidden()
    assert not list((product.settings.data_dir / "spool").glob("upload-*"))
    context.close()


def large_zip(path: Path, count: int, seed: int) -> int:
    """An archive of `count` photos of noise; returns its bytes."""
    make_photos(path.with_suffix(""), count, seed)
    with zipfile.ZipFile(path, "w") as archive:
        for photo in sorted(path.with_suffix("").iterdir()):
            archive.write(photo, photo.name)
        # What no other file of this upload has, so that it is large.
        archive.writestr("notes.bin", random.Random(seed).randbytes(36 << 20))
    return path.stat().st_size


def test_a_large_zip_survives_cuts_and_a_reload(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path
) -> None:
    size = large_zip(tmp_path / "large.zip", 12, 21)
    context, page = visit(browser, proxy)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/")
    page.set_input_files("#files", tmp_path / "large.zip")
    proxy.bytes_per_second = 12_000_000
    begun = proxy.sent
    proxy.cut_at([size // 4], away_seconds=1.0)
    page.click("#send")
    eventually(lambda: proxy.sent - begun > size * 0.6, what="most of the archive")
    page.reload()
    # No file is complete, and the upload is known all the same.
    expect(page.locator("#interrupted")).to_contain_text("before its first file was complete")
    before = proxy.sent
    page.set_input_files("#files", tmp_path / "large.zip")
    page.click("#send")
    assert sorted(arrived(product, page)) == [f"{n:04}.png" for n in range(12)]
    # What had arrived of the archive was not sent again, but for the part on its way.
    assert proxy.sent - before < size * 0.75
    assert proxy.cuts == 1
    assert jobs_named(product, "large.zip") == 1
    context.close()


@pytest.mark.parametrize(("locale", "words"), [("en-US", "before its first file"), ("zh-CN", "第一个文件传完之前中断")])
def test_a_reload_before_anything_arrived(
    browser: Browser, product: Product, proxy: CuttingProxy, tmp_path: Path, locale: str, words: str
) -> None:
    make_photos(tmp_path / "early", 3, 31 + len(locale) + ord(locale[0]))
    context, page = visit(browser, proxy, locale)
    page.on("dialog", lambda dialog: dialog.accept())
    page.route("**/uploads/*/photos", lambda route: route.abort())
    page.goto("/")
    page.fill("#upload [name=name]", f"early {locale}")
    page.click("#upload [value=precise]", force=True)
    page.set_input_files("#files", sorted((tmp_path / "early").iterdir()))
    page.click("#send")
    expect(page.locator("#trouble")).to_be_visible()
    page.reload()
    expect(page.locator("#interrupted")).to_contain_text(words)
    expect(page.locator("#upload [name=name]")).to_have_value(f"early {locale}")
    page.unroute("**/uploads/*/photos")
    page.set_input_files("#files", sorted((tmp_path / "early").iterdir()))
    page.click("#send")
    assert len(arrived(product, page)) == 3
    found = requests.get(f"{product.url}/api/v1/jobs", params={"search": f"early {locale}"}, timeout=60).json()["jobs"]
    assert [job["preset"] for job in found] == ["precise"]
    context.close()
