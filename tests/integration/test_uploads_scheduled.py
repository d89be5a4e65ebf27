"""An upload may be scheduled as a folder job may: it waits, and then it runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import requests

from tests.product import Product, eventually


def upload(product: Product, **fields: str) -> requests.Response:
    files = [("files", ("a.jpg", b"scheduled")), ("files", ("b.jpg", b"scheduled too"))]
    return requests.post(f"{product.url}/api/v1/jobs", files=files, data=fields, timeout=30)


def test_it_waits_and_then_runs(product: Product) -> None:
    at = time.time() + 4
    made = upload(product, not_before=datetime.fromtimestamp(at, UTC).isoformat()).json()
    assert (made["state"], round(made["not_before"])) == ("scheduled", round(at))
    address = f"{product.url}/api/v1/jobs/{made['id']}"
    eventually(lambda: requests.get(address, timeout=10).json()["state"] == "finished", what="the job's end")
    done = requests.get(address, timeout=10).json()
    assert done["ok"] == 2
    assert done["started"] >= at


def test_seconds_since_the_epoch_are_taken(product: Product) -> None:
    at = int(time.time()) + 3600
    made = upload(product, not_before=str(at)).json()
    assert (made["state"], made["not_before"]) == ("scheduled", at)
    requests.post(f"{product.url}/api/v1/jobs/{made['id']}/cancel", timeout=10)


def test_the_form_without_scripts_takes_the_visitors_time(product: Product) -> None:
    local = datetime.now(UTC).replace(microsecond=0, second=0, tzinfo=None) + timedelta(hours=3)
    fields = {"not_before": local.isoformat(timespec="minutes"), "timezone": "-480", "name": "tonight", "preset": ""}
    files = [("files", ("a.jpg", b"scheduled"))]
    answer = requests.post(f"{product.url}/upload", files=files, data=fields, timeout=30, allow_redirects=False)
    assert answer.status_code == 303
    made = requests.get(f"{product.url}/api/v1{answer.headers['Location']}", timeout=10).json()
    # UTC+8: eight hours before the same reading of the clock in UTC; that time has passed.
    assert made["not_before"] == (local.replace(tzinfo=UTC) - timedelta(hours=8)).timestamp()


def test_another_start_is_another_request(product: Product) -> None:
    key = {"Idempotency-Key": f"scheduled-{time.time()}"}
    files = [("files", ("a.jpg", b"scheduled"))]
    address = f"{product.url}/api/v1/jobs"
    at = {"not_before": str(int(time.time()) + 3600)}
    first = requests.post(address, files=files, data=at, headers=key, timeout=30).json()
    assert requests.post(address, files=files, data=at, headers=key, timeout=30).json()["id"] == first["id"]
    other = requests.post(address, files=files, headers=key, timeout=30)
    assert other.json()["code"] == "idempotency_mismatch"
    requests.post(f"{address}/{first['id']}/cancel", timeout=10)
