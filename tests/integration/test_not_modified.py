"""What has not changed is not sent again, and what has is."""

from __future__ import annotations

import pytest
import requests

from shared.storage import open_storage
from tests.bank_api import finished, submit_photos
from tests.product import Product, eventually

POLLS = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def job(product: Product) -> str:
    return str(finished(product, submit_photos(product, "unchanged", 3))["id"])


def again(product: Product, path: str, headers: dict[str, str]) -> tuple[requests.Response, requests.Response]:
    """The first answer, and that to somebody who has it."""
    first = requests.get(product.url + path, headers=headers, timeout=30)
    tag = {"If-None-Match": first.headers["ETag"]}
    return first, requests.get(product.url + path, headers=headers | tag, timeout=30)


@pytest.mark.parametrize("path", ["/jobs/{}/progress", "/jobs/{}/results", "/jobs", "/workers"])
def test_parts_of_pages(product: Product, job: str, path: str) -> None:
    def settled() -> bool:
        # The dispatcher may still write the job's results file.
        return again(product, path.format(job), POLLS)[1].status_code == 304

    eventually(settled, what="an answer that does not change")
    first, second = again(product, path.format(job), POLLS)
    assert (first.status_code, second.status_code, second.content) == (200, 304, b"")
    assert first.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    "path",
    ["/api/v1/jobs/{}", "/api/v1/jobs", "/api/v1/jobs/{}/items", "/api/v1/jobs/{}/items?limit=2", "/api/v1/workers"],
)
def test_programs(product: Product, job: str, path: str) -> None:
    def settled() -> bool:
        return again(product, path.format(job), {})[1].status_code == 304

    # Workers report every second or two, and a results file is written a moment after the job's end.
    eventually(settled, what="an answer that does not change")


def test_a_thumbnail(product: Product, job: str) -> None:
    address = f"/api/v1/jobs/{job}/items/0"
    items = requests.get(f"{product.url}/api/v1/jobs/{job}/items", timeout=30).json()["items"]
    open_storage(product.settings).put_thumb(items[0]["sha256"], b"\xff\xd8 small")
    first, second = again(product, f"{address}/thumbnail", {})
    assert (first.content, second.status_code, second.content) == (b"\xff\xd8 small", 304, b"")
    assert "immutable" in first.headers["Cache-Control"]


def test_another_language_is_another_answer(product: Product, job: str) -> None:
    tag = requests.get(f"{product.url}/jobs/{job}/progress", headers=POLLS, timeout=30).headers["ETag"]
    asked = POLLS | {"If-None-Match": tag, "Accept-Language": "zh"}
    assert requests.get(f"{product.url}/jobs/{job}/progress", headers=asked, timeout=30).status_code == 200


def test_a_correction_and_a_new_job_are_changes(product: Product, job: str) -> None:
    results, jobs, items = f"/jobs/{job}/results", "/api/v1/jobs", f"/api/v1/jobs/{job}/items"
    tags = {path: again(product, path, POLLS)[0].headers["ETag"] for path in (results, jobs, items)}
    change = {"label": "stripe-1"}
    assert requests.patch(f"{product.url}/api/v1/jobs/{job}/items/0", json=change, timeout=30).ok
    submit_photos(product, "another", 1)
    for path, tag in tags.items():
        found = requests.get(product.url + path, headers=POLLS | {"If-None-Match": tag}, timeout=30)
        assert found.status_code == 200, path


def test_a_whole_page_is_always_made(product: Product) -> None:
    """Its scripts carry a nonce that goes with its own headers."""
    assert "ETag" not in requests.get(f"{product.url}/jobs", timeout=30).headers
