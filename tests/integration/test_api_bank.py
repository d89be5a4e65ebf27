"""The bank, the workers and the health of the running product over HTTP."""

from __future__ import annotations

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.product import Product


def get(product: Product, path: str) -> requests.Response:
    return requests.get(product.url + path, timeout=10)


def test_bank_and_its_classes(product: Product) -> None:
    bank = get(product, "/api/v1/bank").json()
    assert bank["trained"] is False
    assert bank["counts"]["classes"] == len(bank["classes"]) == 4
    label = bank["classes"][0]["label"]
    found = get(product, f"/api/v1/bank/classes/{label}").json()
    assert len(found["samples"]) == found["count"] == 6
    assert get(product, "/api/v1/bank/classes/nothing").status_code == 404


def test_sample_pictures(product: Product) -> None:
    bank = get(product, "/api/v1/bank").json()
    found = get(product, f"/api/v1/bank/classes/{bank['classes'][0]['label']}").json()
    address = found["samples"][0]["picture"]
    assert address
    picture = get(product, address)
    assert picture.content.startswith(b"\xff\xd8")
    assert "immutable" in picture.headers["Cache-Control"]
    missing = get(product, f"/api/v1/bank/versions/{bank['version']}/samples/0000000000000000")
    assert missing.status_code == 404
    assert get(product, "/api/v1/bank/versions/..%2f..%2f/samples/x").status_code == 404


def test_workers(product: Product) -> None:
    answer = get(product, "/api/v1/workers").json()
    assert answer["workers"][0]["state"] in ("ready", "busy")
    assert set(answer["queue"]) == {"interactive", "bulk"}


def test_ready(product: Product) -> None:
    for path in ("/readyz", "/api/v1/readyz", "/healthz", "/api/v1/healthz"):
        assert get(product, path).json() == {"status": "ok"}


def test_metrics_are_prometheus_text(product: Product) -> None:
    families = {f.name: f for f in text_string_to_metric_families(get(product, "/metrics").text)}
    assert {s.labels["state"]: s.value for s in families["weft_workers"].samples}["error"] == 0
    assert {s.labels["lane"] for s in families["weft_queue_chunks"].samples} == {"interactive", "bulk"}
    assert "weft_photos" in families
