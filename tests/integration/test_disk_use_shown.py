"""What is kept is shown by kind, on the page, in the API, and by `weft doctor`."""

from __future__ import annotations

import requests

from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance import disk_use
from shared.storage import open_storage
from tests.bank_api import call
from tests.product import Product, eventually


def test_page_api_and_doctor_say_what_is_kept(product: Product) -> None:
    connection = Ledger.connect(product.settings).connection
    eventually(lambda: disk_use.last(connection) is not None, what="the dispatcher's first measurement")
    storage = open_storage(product.settings)
    # Of the tests before.
    before = disk_use.measure(product.settings, storage).bytes["uploads"]
    blobs = product.settings.data_dir / "blobs" / "zz"
    blobs.mkdir(parents=True)
    (blobs / "large").write_bytes(bytes(5 << 20))
    disk_use.record(connection, disk_use.measure(product.settings, storage))
    told = call(product, "GET", "/workers")["disk"]
    assert set(told["bytes"]) == set(disk_use.FOLDERS)
    kept = told["bytes"]["uploads"]
    assert 5 << 20 <= kept - before < 6 << 20
    megabytes = f"{kept / 2**20:,.0f} MB"
    page = requests.get(f"{product.url}/workers", headers={"Accept-Language": "en"}, timeout=20).text
    assert f"<dt>Uploaded photos</dt><dd>{megabytes}</dd>" in page
    assert "Kept on disk" in page
    assert "磁盘占用" in requests.get(f"{product.url}/workers", headers={"Accept-Language": "zh"}, timeout=20).text
    assert f"uploads {megabytes}" in product.weft("doctor").stdout
    (blobs / "large").unlink()


def test_a_file_with_two_names_counts_once(settings: Settings) -> None:
    folder = settings.data_dir / "banks" / "v1"
    folder.mkdir(parents=True)
    (folder / "vectors").write_bytes(bytes(1 << 20))
    (settings.data_dir / "banks" / "v2").mkdir()
    (settings.data_dir / "banks" / "v2" / "vectors").hardlink_to(folder / "vectors")
    assert disk_use.measure(settings, open_storage(settings)).bytes["banks"] == 1 << 20
