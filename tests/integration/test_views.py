"""Several views with the real demo model: one mean vector, the same from the decode pool, and no mixing with others."""

from __future__ import annotations

import csv
import io
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from scripts.render import render, save_jpeg
from shared.bank.store import BankStore
from shared.core.errors import BankError
from shared.core.settings import Settings
from shared.curation.build import build_bank
from shared.curation.check import check_bank
from shared.curation.saved_checks import saved_check
from shared.encoder import Encoder, load_encoder
from shared.encoder.protocol import from_transforms
from shared.encoder.views import SETS, seen
from shared.photos.decode import Limits, decode
from shared.pipeline.decoding import open_pool
from tests.product import ROOT, WEFT, await_ready, eventually, start_product
from web.app import create_app

pytestmark = pytest.mark.slow

CLOTHS = ("twill", "corduroy", "tweed", "waffle")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of class folders, and a data folder with the converted model."""
    folder = tmp_path_factory.mktemp("views")
    for name in CLOTHS:
        for seed in range(6):
            save_jpeg(folder / "bank" / name / f"{seed}.jpg", render(name, seed, 256))
    return folder


def settings_of(place: Path, views: str) -> Settings:
    return Settings.model_validate({"data_dir": place / "data", "engine": "openvino", "model": "demo", "views": views})


@pytest.fixture(scope="module")
def five(place: Path) -> Iterator[Encoder]:
    found = load_encoder(settings_of(place, "5"), threads=1)
    yield found
    found.close()


@pytest.fixture(scope="module")
def plain(place: Path) -> Iterator[Encoder]:
    found = load_encoder(settings_of(place, "1"), threads=1)
    yield found
    found.close()


def test_a_vector_is_the_mean_of_its_views(place: Path, five: Encoder, plain: Encoder) -> None:
    photos = [render(name, 100, 320) for name in CLOTHS]
    whole = five.encode([five.prepare(photo) for photo in photos])
    for photo, row in zip(photos, whole, strict=True):
        views = plain.encode([plain.prepare(view(photo)) for view in SETS["5"]])
        mean = views.mean(axis=0)
        assert float(row @ (mean / np.linalg.norm(mean))) > 0.999
    assert np.linalg.norm(whole, axis=1) == pytest.approx(1, abs=1e-5)
    assert five.encode([]).shape == (0, plain.info.dim)
    assert five.info == seen(plain.info, "5")


def test_the_decode_pool_makes_the_same_views(place: Path, five: Encoder) -> None:
    path = place / "bank" / "twill" / "0.jpg"
    pool = open_pool(settings_of(place, "5"), five, 1)
    try:
        decoded = pool.decode(path.read_bytes(), thumbnail=False)
    finally:
        pool.close()
    own = five.prepare(decode(path.read_bytes(), five.decode_size, Limits()))
    for there, here in zip(from_transforms(decoded.arrays), own, strict=True):
        np.testing.assert_array_equal(there, here)


def test_banks_of_other_views_are_refused_and_views_are_measured(place: Path, five: Encoder, plain: Encoder) -> None:
    settings = settings_of(place, "5")
    version = build_bank(place / "bank", five, settings)
    store = BankStore(settings)
    store.publish(version)
    bank = store.load(version)
    assert bank.manifest.encoder.views == "5"
    bank.require(five.info)
    with pytest.raises(BankError, match="WEFT_VIEWS=5"):
        bank.require(plain.info)
    report = check_bank(settings, version, views=True)
    assert [gain.views for gain in report.views] == list(SETS)
    assert report.views[0].photos == 24
    # A later check of the same version keeps what was measured, and the page says it with its price.
    check_bank(settings, version)
    kept = saved_check(store, version)
    assert kept is not None
    assert kept.views == report.views
    page = create_app(settings).test_client().get("/bank/check?lang=zh").get_data(as_text=True)
    assert "WEFT_VIEWS=turns" in page
    assert "耗时 4 倍" in page


@pytest.mark.timeout(500)
def test_workers_of_other_views_leave_the_job_alone(place: Path, five: Encoder, tmp_path: Path) -> None:
    shutil.copytree(place / "data" / "models", tmp_path / "data" / "models")
    version = build_bank(place / "bank", five, settings_of(tmp_path, "5"))
    BankStore(settings_of(tmp_path, "5")).publish(version)
    product = start_product(tmp_path, engine="openvino", model="demo", views="1")
    worker: subprocess.Popen[bytes] | None = None
    try:
        # This worker sees whole photos only: it says that the bank is not for it.
        await_ready(product, bank=False, workers=0)
        save_jpeg(tmp_path / "photo.jpg", render("waffle", 100, 320))
        with (tmp_path / "photo.jpg").open("rb") as photo:
            answer = requests.post(f"{product.url}/api/v1/jobs", files={"files": photo}, timeout=60).json()
        address = f"{product.url}/api/v1/jobs/{answer['id']}"
        eventually(lambda: bool(requests.get(address, timeout=10).json()["waiting_for"]), what="a waiting job")
        assert requests.get(address, timeout=10).json()["ok"] == 0
        worker = subprocess.Popen([*WEFT, "worker"], env=product.env | {"WEFT_VIEWS": "5"}, cwd=ROOT)
        eventually(lambda: requests.get(address, timeout=10).json()["state"] == "finished", what="the job's end")
        [item] = requests.get(f"{address}/items", timeout=10).json()["items"]
        assert (item["label"], item["status"]) == ("waffle", "ok")
    finally:
        if worker is not None:
            worker.send_signal(signal.SIGTERM)
            worker.wait(60)
        product.stop()


@pytest.mark.timeout(400)
def test_a_product_with_views_answers_and_says_so(place: Path, five: Encoder, tmp_path: Path) -> None:
    shutil.copytree(place / "data" / "models", tmp_path / "data" / "models")
    version = build_bank(place / "bank", five, settings_of(tmp_path, "5"))
    BankStore(settings_of(tmp_path, "5")).publish(version)
    product = start_product(tmp_path, engine="openvino", model="demo", views="5")
    try:
        await_ready(product)
        save_jpeg(tmp_path / "photo.jpg", render("waffle", 100, 320))
        with (tmp_path / "photo.jpg").open("rb") as photo:
            answer = requests.post(f"{product.url}/api/v1/jobs", files={"files": photo}, timeout=60).json()
        address = f"{product.url}/api/v1/jobs/{answer['id']}"
        eventually(lambda: requests.get(address, timeout=10).json()["state"] == "finished", what="the job's end")
        rows = list(csv.DictReader(io.StringIO(requests.get(f"{address}/export?format=csv", timeout=30).text)))
        assert [(row["label"], row["views"]) for row in rows] == [("waffle", "5")]
        assert "five crops of half its side" in requests.get(f"{product.url}/jobs/{answer['id']}", timeout=30).text
    finally:
        product.stop()
