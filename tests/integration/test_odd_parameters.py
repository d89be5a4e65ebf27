"""Values at the ends of their types: a 4xx that says why, never a 500, and nothing that a list breaks on later."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
import requests

from tests.bank_api import call, finished, submit_photos
from tests.product import Product

DAY = 86400


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    return str(finished(product, submit_photos(product, "parameters", 2))["id"])


@pytest.mark.parametrize("path", ["/api/v1/jobs/folder", "/api/v1/bank/tasks"])
def test_json_that_is_nested_too_deeply(product: Product, path: str) -> None:
    answer = requests.post(
        product.url + path, data="[" * 100_000, headers={"Content-Type": "application/json"}, timeout=20
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        ("index", "9223372036854775808"),
        ("index", "9" * 30),
        ("confidence", "[1,1e400]"),
        ("confidence", "[NaN,1]"),
        ("confidence", "[0.5,99999999999999999999]"),
    ],
)
def test_cursors(product: Product, job: str, sort: str, cursor: str) -> None:
    for address in (f"/api/v1/jobs/{job}/items", f"/jobs/{job}/review"):
        answer = requests.get(
            product.url + address,
            params={"sort": sort, "cursor": cursor},
            headers={"Accept": "application/json"},
            timeout=20,
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), address


@pytest.mark.parametrize("item", ["abc", "abc:xyz", "abc:-1", "x" * 99 + ":1", "abc:99999999999"])
def test_places_of_corrections(product: Product, item: str) -> None:
    answer = requests.post(
        f"{product.url}/bank/corrections", data={"item": item}, headers={"Accept": "application/json"}, timeout=20
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("before", ["nan", "inf", "-inf", "x"])
def test_pages_of_the_list(product: Product, before: str) -> None:
    assert requests.get(f"{product.url}/jobs", params={"before": before}, timeout=20).status_code == 200


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_a_zip_member_that_is_packed_otherwise_than_it_says(product: Product, method: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jpg", b"\x05\x00 these bytes are packed in no way at all " * 9)
    data = bytearray(packed.getvalue())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = data.index(mark) + offset
        data[place : place + 2] = method.to_bytes(2, "little")
    answer = requests.post(f"{product.url}/api/v1/jobs", files={"files": ("a.zip", bytes(data))}, timeout=20)
    assert answer.status_code == 202, answer.text
    assert finished(product, answer.json())["total"] == 1


@pytest.mark.parametrize(
    "when",
    [
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00",
        "1999-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
    ],
)
def test_start_times_out_of_reach(product: Product, when: str) -> None:
    folder = product.photos / "never-started"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.jpg").write_bytes(b"x")
    refused = call(product, "POST", "/jobs/folder", {"path": str(folder), "not_before": when}, 400)
    assert refused["code"] in ("start_out_of_range", "invalid_request")
    form = {"path": str(folder), "not_before": when[:19], "timezone": "840"}
    assert requests.post(f"{product.url}/folder", data=form, timeout=20).status_code == 400
    assert product.weft("submit", folder, "--at", when[:19]).returncode == 2
    assert requests.get(f"{product.url}/jobs", timeout=20).status_code == 200


def test_a_start_within_the_year_is_taken(product: Product) -> None:
    folder = product.photos / "started-later"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.jpg").write_bytes(b"x")
    found = call(product, "POST", "/jobs/folder", {"path": str(folder), "not_before": time.time() + 300 * DAY}, 202)
    assert found["state"] == "scheduled"
    call(product, "POST", f"/jobs/{found['id']}/cancel")


def test_bodies_have_a_limit_of_their_own(product: Product) -> None:
    large = {"path": "x" * 1_100_000}
    assert call(product, "POST", "/jobs/folder", large, 413)["code"] == "body_too_large"
    form = requests.post(f"{product.url}/folder", data=large, headers={"Accept": "application/json"}, timeout=20)
    assert (form.status_code, form.json()["code"]) == (413, "body_too_large")
    fields = {"name": "x" * 600_000}
    sent = requests.post(f"{product.url}/api/v1/jobs", data=fields, files={"files": ("a.jpg", b"1")}, timeout=20)
    assert (sent.status_code, sent.json()["code"]) == (413, "field_too_large")
    files = {"files": ("a.jpg", b"1" * 3_000_000)}
    assert requests.post(f"{product.url}/api/v1/jobs", files=files, timeout=20).status_code == 202
