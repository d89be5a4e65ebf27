"""One photo while the caller waits."""

from __future__ import annotations

import requests

from tests.product import Product


def ask(product: Product, wait: float = 10, name: str = "roll.jpg", content: bytes = b"roll") -> requests.Response:
    return requests.post(
        f"{product.url}/api/v1/classify", params={"wait": wait}, files={"file": (name, content)}, timeout=30
    )


def test_the_item_is_the_answer(product: Product) -> None:
    response = ask(product)
    assert response.status_code == 200
    item = response.json()
    assert (item["name"], item["index"], item["status"]) == ("roll.jpg", 0, "ok")
    assert item["label"] == item["candidates"][0]["label"]
    assert ask(product).json()["cached"] is True


def test_no_time_to_wait(product: Product) -> None:
    response = ask(product, wait=0, content=b"another")
    assert response.status_code == 202
    job = response.json()
    assert (job["kind"], job["total"], job["preset"]) == ("classify", 1, "realtime")
    listed = requests.get(f"{product.url}/api/v1/jobs", timeout=10).json()["jobs"]
    assert job["id"] not in [found["id"] for found in listed]


def test_items_of_a_single_photo(product: Product) -> None:
    job = ask(product, wait=0, content=b"a third").json()["id"]
    address = f"{product.url}/api/v1/jobs/{job}"
    while requests.get(address, timeout=10).json()["state"] != "finished":
        pass
    assert requests.get(f"{address}/items", timeout=10).json()["items"][0]["name"] == "roll.jpg"


def test_nothing_and_an_archive_are_refused(product: Product) -> None:
    response = requests.post(f"{product.url}/api/v1/classify", timeout=10)
    assert (response.status_code, response.json()["code"]) == (400, "no_files")
    assert ask(product, name="a.zip", content=b"no").json()["code"] == "zip_damaged"
