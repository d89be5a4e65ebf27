"""File names in any encoding: jobs end, everybody's pages and exports work, and the names can be read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.core.settings import Settings
from shared.jobs.ledger import Ledger, keys
from shared.jobs.model import Item, ItemResult, Lane
from shared.jobs.projection import caught_up
from tests.bank_api import all_items, call, finished
from tests.ledger_harness import LedgerHarness, answer, spec
from tests.product import Product

#: 棉布.jpg as an old NAS or a Chinese Windows wrote it.
GBK = b"\xc3\xde\xb2\xbc.jpg"
ODD = (
    GBK,
    b"latin-\xe9.jpg",
    b"\xff\xfe.jpg",
    "line\u2028end.jpg".encode(),
    b"new\nline.jpg",
    "rtl\u202egpj.jpg".encode(),
)


def odd_folder(where: Path) -> Path:
    where.mkdir(parents=True)
    for number, name in enumerate(ODD):
        (Path(os.fsdecode(os.fsencode(where) + b"/" + name))).write_bytes(b"%d" % number)
    return where


def check_readable_by_all(product: Product, job: dict[str, Any]) -> list[str]:
    """The names of a finished job; every list, page and export of it answers."""
    names = [item["name"] for item in all_items(product, job)]
    pages = ("/", "/jobs", f"/jobs/{job['id']}", f"/jobs/{job['id']}/results", "/api/v1/jobs")
    exports = [f"/api/v1/jobs/{job['id']}/export?format={kind}" for kind in ("csv", "xlsx", "jsonl", "parquet")]
    for address in (*pages, *exports):
        answer = requests.get(product.url + address, headers={"Accept": "text/html"}, timeout=20)
        assert answer.status_code == 200, address
        assert answer.content
    rows = requests.get(product.url + exports[2], timeout=20).text.splitlines()
    assert [json.loads(row)["name"] for row in rows] == names
    assert product.weft("jobs").returncode == 0
    return names


def test_a_folder_on_the_server(product: Product) -> None:
    folder = odd_folder(product.photos / "odd-names")
    job = finished(product, call(product, "POST", "/jobs/folder", {"path": str(folder)}, 202))
    assert (job["ok"], job["failed"]) == (len(ODD), 0)
    names = check_readable_by_all(product, job)
    assert {"棉布.jpg", "lineend.jpg", "newline.jpg", "rtlgpj.jpg"} < set(names)


def test_a_copied_folder(product: Product, tmp_path: Path) -> None:
    folder = odd_folder(tmp_path / "copied")
    done = product.weft("submit", folder, "--watch", "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert "copied/棉布.jpg" in check_readable_by_all(product, job)


def test_a_folder_whose_own_name_is_odd(product: Product) -> None:
    folder = odd_folder(Path(os.fsdecode(os.fsencode(product.photos) + b"/\xc3\xde\xb2\xbc")))
    done = product.weft("submit", folder, "--watch", "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert job["path"].endswith("/棉布")
    check_readable_by_all(product, job)


def test_a_form_with_names_in_gbk(product: Product) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n'
    body = part % (b"good.jpg", b"first") + part % (GBK, b"second") + b"--x--\r\n"
    answer = requests.post(
        f"{product.url}/api/v1/jobs", data=body, headers={"Content-Type": "multipart/form-data; boundary=x"}, timeout=20
    )
    assert answer.status_code == 202, answer.text
    job = finished(product, answer.json())
    assert check_readable_by_all(product, job) == ["good.jpg", "棉布.jpg"]


def test_results_that_an_earlier_version_committed(
    harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path
) -> None:
    """It let such names into the ledger as they were."""
    raw = os.fsdecode(GBK)
    job = harness.ledger.submit(spec("held", Lane.INTERACTIVE), [Item(0, raw, sha256="aa"), Item(1, raw, sha256="bb")])
    claim = harness.worker().claim(Lane.INTERACTIVE)
    assert claim is not None
    broken = ItemResult(1, raw, 0, "bb", error_code="unreadable", error_detail={"reason": raw})
    harness.worker().commit(claim, [answer(claim.items[0]), broken], b"", final=True)
    with caught_up(ledger_settings.model_copy(update={"data_dir": tmp_path}), harness.ledger, job.id) as projection:
        items, _ = projection.items()
        assert [item["name"] for item in items] == ["棉布.jpg", "棉布.jpg"]
        json.dumps(items, ensure_ascii=False).encode()
    assert [result.name for result in harness.ledger.results(job.id)] == ["棉布.jpg", "棉布.jpg"]


@pytest.mark.parametrize(("field", "value"), [("cursor", GBK), ("not_before", "253402351199"), ("name", b"\xff")])
def test_a_ledger_that_holds_such_a_job_already(product: Product, field: str, value: bytes | str) -> None:
    folder = product.photos / f"held-{field}"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(field.encode())
    job = finished(product, call(product, "POST", "/jobs/folder", {"path": str(folder)}, 202))
    redis, key = Ledger.connect(product.settings).connection.redis, keys.job(job["id"], "meta")
    before = redis.hget(key, field)
    redis.hset(key, field, value)
    try:
        if field != "name":
            check_readable_by_all(product, job)
        assert requests.get(f"{product.url}/healthz", timeout=20).ok
    finally:
        if before is None:
            redis.hdel(key, field)
        else:
            redis.hset(key, field, before)
