"""Poor photos in a running product: told on the card, filtered, exported, listed in the summary, never dropped."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, expect

from scripts.render import render, save_jpeg
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.build import build_bank
from shared.encoder import load_encoder
from tests.browser.conftest import visiting
from tests.product import Product, await_ready, eventually, start_product

pytestmark = pytest.mark.slow

CLOTHS = ("twill", "corduroy", "tweed", "waffle", "houndstooth")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product with the demo model and a bank of 45 rendered photos."""
    folder = tmp_path_factory.mktemp("gate")
    settings = Settings(data_dir=folder / "data", engine="openvino", model="demo")
    for name in CLOTHS:
        for seed in range(9):
            save_jpeg(folder / "bank" / name / f"{seed}.jpg", render(name, seed, 200))
    encoder = load_encoder(settings, threads=1)
    version = build_bank(folder / "bank", encoder, settings)
    encoder.close()
    BankStore(settings).publish(version)
    limits = BankStore(settings).manifest(version).photo_limits
    assert limits is not None
    assert limits.photos == 45
    product = start_product(folder, engine="openvino", model="demo")
    try:
        await_ready(product)
        yield product
    finally:
        product.stop()


@pytest.fixture(scope="module")
def job(site: Product) -> str:
    folder = site.photos / "evening"
    for seed in range(100, 104):
        save_jpeg(folder / f"good-{seed}.jpg", render("waffle", seed, 320))
    Image.new("RGB", (320, 320), (140, 138, 130)).save(folder / "wall.png")
    dark = render("waffle", 104, 320) // 12
    save_jpeg(folder / "dark.jpg", dark)
    made = requests.post(f"{site.url}/api/v1/jobs/folder", json={"path": str(folder)}, timeout=60).json()["id"]
    address = f"{site.url}/api/v1/jobs/{made}"
    eventually(lambda: requests.get(address, timeout=10).json()["state"] == "finished", what="the job's end")
    return str(made)


def items(site: Product, job: str, **wish: str) -> dict[str, dict[str, object]]:
    address = f"{site.url}/api/v1/jobs/{job}/items"
    answer = requests.get(address, params=wish, timeout=30).json()
    return {Path(item["name"]).name: item for item in answer["items"]}


def test_poor_photos_are_ranked_and_told(site: Product, job: str) -> None:
    found = items(site, job)
    assert len(found) == 6
    wall, dark = found["wall.png"], found["dark.jpg"]
    assert [d["code"] for d in wall["quality"]] == ["no_fabric"]  # type: ignore[attr-defined]
    assert wall["verdict"] != "label"
    assert wall["candidates"]
    assert "dark" in [d["code"] for d in dark["quality"]]  # type: ignore[attr-defined]
    assert sum(bool(item["quality"]) for item in found.values()) <= 3
    assert set(items(site, job, quality="no_fabric")) == {"wall.png"}
    assert {"wall.png", "dark.jpg"} <= set(items(site, job, quality="any"))
    assert requests.get(f"{site.url}/api/v1/jobs/{job}/items?quality=ugly", timeout=30).status_code == 400


def test_exports_and_the_command_line(site: Product, job: str, tmp_path: Path) -> None:
    made = site.weft("export", job, "--quality", "any", "-o", tmp_path / "poor.csv")
    assert made.returncode == 0, made.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "poor.csv").read_text("utf-8-sig"))))
    wall = next(row for row in rows if row["name"].endswith("wall.png"))
    assert wall["quality"] == "no_fabric"
    assert wall["retake"].startswith("Hardly any structure of a cloth")
    assert len(rows) == len(items(site, job, quality="any"))


def test_the_pages(browser: Browser, site: Product, job: str) -> None:
    with visiting(browser, site) as page:
        page.goto(f"/jobs/{job}")
        page.click("#more-filters summary")
        page.select_option("#filter-quality", "no_fabric")
        expect(page.locator("article.item")).to_have_count(1)
        expect(page.locator(".retake")).to_contain_text("photograph the fabric itself")
        page.goto(f"/jobs/{job}/summary")
        told = page.locator(".s-retake")
        expect(told).to_contain_text("should be taken again")
        expect(told).to_contain_text("wall.png")
        page.goto(f"/jobs/{job}/review?lang=en&quality=no_fabric")
        expect(page.locator(".review-about .retake")).to_contain_text("photograph the fabric itself")
        page.goto(f"/jobs/{job}?lang=zh&quality=no_fabric")
        expect(page.locator(".retake")).to_contain_text("请对准面料重拍")
