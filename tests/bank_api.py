"""What tests ask a running product about its bank, and small banks of pictures built here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.build import build_bank
from shared.encoder import load_encoder
from tests.product import Product, eventually, make_photos


def built_bank(settings: Settings, folder: Path, classes: int = 3, each: int = 4) -> BankStore:
    """The store of `settings` with one published version of striped pictures."""
    encoder = load_encoder(settings, threads=1)
    store = BankStore(settings)
    store.publish(build_bank(make_photos(folder, classes, each), encoder, settings))
    return store


def call(product: Product, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
    """The JSON that the API answers below /api/v1; fails where the status is not the one expected (None: any 2xx)."""
    answer = requests.request(method, f"{product.url}/api/v1{path}", json=body, timeout=20)
    assert answer.ok if status is None else answer.status_code == status, f"{answer.status_code} {answer.text}"
    return answer.json()


def run_bank_task(product: Product, **asked: Any) -> dict[str, Any]:
    """Starts bank work and awaits its end."""
    return awaited_task(product, call(product, "POST", "/bank/tasks", asked, 202))


def awaited_task(product: Product, task: dict[str, Any]) -> dict[str, Any]:
    """Bank work once it has ended."""

    def ended() -> bool:
        task.update(call(product, "GET", f"/bank/tasks/{task['id']}"))
        return bool(task["state"] != "running")

    eventually(ended, 60, "the end of the bank work")
    return task


def submit_photos(product: Product, name: str, count: int) -> dict[str, Any]:
    """A folder job of made-up photos, none like another; the engine takes their hashes."""
    folder = product.photos / name
    folder.mkdir(parents=True)
    for n in range(count):
        (folder / f"{n:05}.jpg").write_bytes(f"{name} {n}".encode())
    job: dict[str, Any] = call(product, "POST", "/jobs/folder", {"path": str(folder), "preset": "standard"}, 202)
    return job


def job_of(product: Product, job: dict[str, Any]) -> dict[str, Any]:
    """The job as it is now."""
    found: dict[str, Any] = call(product, "GET", f"/jobs/{job['id']}")
    return found


def finished(product: Product, job: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    """The job once it is finished."""
    eventually(lambda: job_of(product, job)["state"] == "finished", seconds, "the job's end")
    return job_of(product, job)


def all_items(product: Product, job: dict[str, Any]) -> list[dict[str, Any]]:
    """Every outcome of a job."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = call(product, "GET", f"/jobs/{job['id']}/items?limit=1000&cursor={cursor}")
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = page["next"]
