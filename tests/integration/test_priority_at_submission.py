"""A priority comes with the submission, by page, API and command line, and decides the turns from the start."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from scripts.cli import main as cli
from shared.core.settings import Settings
from shared.jobs.model import Lane, Priority
from tests.integration.test_priorities import served
from tests.ledger_harness import LedgerHarness, photos, spec


def test_the_shares_are_those_of_a_later_priority(harness: LedgerHarness) -> None:
    wishes = [replace(spec(p.value), priority=None if p is Priority.NORMAL else p) for p in Priority]
    jobs = [harness.ledger.submit(wish, photos(8000)) for wish in wishes]
    assert [job.priority for job in jobs] == list(Priority)
    counts = Counter(served(harness, jobs, 100))
    assert [counts[job.id] for job in jobs] == [75, 20, 5]


def test_uploads_and_folders_by_api(ledger_client: FlaskClient, harness: LedgerHarness, swatches: Path) -> None:
    files = {"files": (swatches / "a.jpg").open("rb"), "priority": "high"}
    assert ledger_client.post("/api/v1/jobs", data=files).get_json()["priority"] == "high"
    made = ledger_client.post("/api/v1/jobs/folder", json={"path": str(swatches), "priority": "low"}).get_json()
    assert made["priority"] == "low"
    begun = ledger_client.post("/api/v1/uploads", json={"priority": "low"}).get_json()
    assert ledger_client.get(f"/api/v1/uploads/{begun['id']}").get_json()["priority"] == "low"
    files = {"files": (swatches / "a.jpg").open("rb"), "positions": "0"}
    ledger_client.post(f"/api/v1/uploads/{begun['id']}/photos", data=files)
    made = ledger_client.post(f"/api/v1/uploads/{begun['id']}/finish", json={"files": 1}).get_json()
    assert made["priority"] == "low"
    # Few photos, but nobody waits for them: they do not pass others by.
    assert harness.ledger.find(made["id"]).lane is Lane.BULK
    assert (
        ledger_client.post("/api/v1/jobs/folder", json={"path": str(swatches), "priority": "urgent"}).status_code == 400
    )
    assert ledger_client.post("/api/v1/jobs/folder", json={"path": str(swatches)}).get_json()["priority"] == "normal"


def test_the_forms_without_scripts(ledger_client: FlaskClient, harness: LedgerHarness, swatches: Path) -> None:
    ledger_client.post("/folder", data={"path": str(swatches), "priority": "high"})
    assert harness.newest.priority is Priority.HIGH
    ledger_client.post("/upload", data={"files": (swatches / "a.jpg").open("rb"), "priority": "low"})
    assert harness.newest.priority is Priority.LOW
    # A form that is shown again keeps the choice.
    page = ledger_client.post("/folder", data={"path": "/nowhere", "priority": "high"}).get_data(as_text=True)
    assert '<option value="high" selected>' in page


def test_the_command_line(
    ledger_site: Settings, harness: LedgerHarness, swatches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ledger_site.redis_url
    monkeypatch.setenv("WEFT_REDIS_URL", ledger_site.redis_url.get_secret_value())
    assert (
        cli.run(["submit", str(swatches / "a.jpg"), "--priority", "high", "--data-dir", str(ledger_site.data_dir)]) == 0
    )
    assert harness.newest.priority is Priority.HIGH
    assert cli.run(["submit", str(swatches), "--priority", "urgent", "--data-dir", str(ledger_site.data_dir)]) == 2


def test_another_priority_is_another_request(ledger_client: FlaskClient, swatches: Path) -> None:
    key = {"Idempotency-Key": "evening"}
    first = ledger_client.post("/api/v1/jobs/folder", json={"path": str(swatches)}, headers=key)
    again = ledger_client.post("/api/v1/jobs/folder", json={"path": str(swatches), "priority": "normal"}, headers=key)
    assert again.get_json()["id"] == first.get_json()["id"]
    other = ledger_client.post("/api/v1/jobs/folder", json={"path": str(swatches), "priority": "high"}, headers=key)
    assert other.get_json()["code"] == "idempotency_mismatch"
