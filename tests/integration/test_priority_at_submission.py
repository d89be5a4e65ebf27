"""A priority comes with the submission, by page, API and command line, and decides the turns from the start."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from scripts.cli import main as cli
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.model import Job, Lane, Priority
from tests.banks import by_label, clustered, make_bank
from tests.integration.test_lasting_uploads import photo
from tests.integration.test_priorities import served
from tests.ledger_harness import LedgerHarness, photos, spec
from web.app import create_app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "swatches"
    found.mkdir()
    (found / "a.jpg").write_bytes(photo(1))
    return found


@pytest.fixture
def site(harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path, folder: Path) -> Settings:
    url = SecretStr(addresses(ledger_settings).ledger)
    settings = Settings(data_dir=tmp_path / "data", redis_url=url, engine="null", folder_roots=str(folder.parent))
    make_bank(settings, by_label(clustered(2)))
    return settings


@pytest.fixture
def client(site: Settings) -> FlaskClient:
    return create_app(site).test_client()


def newest(harness: LedgerHarness) -> Job:
    return harness.ledger.listed(1)[0]


def test_the_shares_are_those_of_a_later_priority(harness: LedgerHarness) -> None:
    wishes = [replace(spec(p.value), priority=None if p is Priority.NORMAL else p) for p in Priority]
    jobs = [harness.ledger.submit(wish, photos(8000)) for wish in wishes]
    assert [job.priority for job in jobs] == list(Priority)
    counts = Counter(served(harness, jobs, 100))
    assert [counts[job.id] for job in jobs] == [75, 20, 5]


def test_uploads_and_folders_by_api(client: FlaskClient, harness: LedgerHarness, folder: Path) -> None:
    files = {"files": (folder / "a.jpg").open("rb"), "priority": "high"}
    assert client.post("/api/v1/jobs", data=files).get_json()["priority"] == "high"
    made = client.post("/api/v1/jobs/folder", json={"path": str(folder), "priority": "low"}).get_json()
    assert made["priority"] == "low"
    begun = client.post("/api/v1/uploads", json={"priority": "low"}).get_json()
    assert client.get(f"/api/v1/uploads/{begun['id']}").get_json()["priority"] == "low"
    files = {"files": (folder / "a.jpg").open("rb"), "positions": "0"}
    client.post(f"/api/v1/uploads/{begun['id']}/photos", data=files)
    made = client.post(f"/api/v1/uploads/{begun['id']}/finish", json={"files": 1}).get_json()
    assert made["priority"] == "low"
    # Few photos, but nobody waits for them: they do not pass others by.
    assert harness.ledger.find(made["id"]).lane is Lane.BULK
    assert client.post("/api/v1/jobs/folder", json={"path": str(folder), "priority": "urgent"}).status_code == 400
    assert client.post("/api/v1/jobs/folder", json={"path": str(folder)}).get_json()["priority"] == "normal"


def test_the_forms_without_scripts(client: FlaskClient, harness: LedgerHarness, folder: Path) -> None:
    client.post("/folder", data={"path": str(folder), "priority": "high"})
    assert newest(harness).priority is Priority.HIGH
    client.post("/upload", data={"files": (folder / "a.jpg").open("rb"), "priority": "low"})
    assert newest(harness).priority is Priority.LOW
    # A form that is shown again keeps the choice.
    page = client.post("/folder", data={"path": "/nowhere", "priority": "high"}).get_data(as_text=True)
    assert '<option value="high" selected>' in page


def test_the_command_line(
    site: Settings, harness: LedgerHarness, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.redis_url
    monkeypatch.setenv("WEFT_REDIS_URL", site.redis_url.get_secret_value())
    assert cli.run(["submit", str(folder / "a.jpg"), "--priority", "high", "--data-dir", str(site.data_dir)]) == 0
    assert newest(harness).priority is Priority.HIGH
    assert cli.run(["submit", str(folder), "--priority", "urgent", "--data-dir", str(site.data_dir)]) == 2


def test_another_priority_is_another_request(client: FlaskClient, folder: Path) -> None:
    key = {"Idempotency-Key": "evening"}
    first = client.post("/api/v1/jobs/folder", json={"path": str(folder)}, headers=key)
    again = client.post("/api/v1/jobs/folder", json={"path": str(folder), "priority": "normal"}, headers=key)
    assert again.get_json()["id"] == first.get_json()["id"]
    other = client.post("/api/v1/jobs/folder", json={"path": str(folder), "priority": "high"}, headers=key)
    assert other.get_json()["code"] == "idempotency_mismatch"
