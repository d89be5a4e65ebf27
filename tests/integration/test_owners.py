"""Jobs belong to who submitted them: shown, listed by owner, and steered by the owner and administrators alone."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from scripts.cli import main
from shared.access.audit import Audit
from shared.access.keys import Keys
from shared.bank.store import BankStore
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.catalog import Catalog
from shared.jobs.ledger import search
from shared.jobs.model import Lane
from tests.banks import INFO, by_label, clustered, make_bank
from tests.ledger_harness import LedgerHarness, photos, spec
from tests.product import eventually
from web.app import create_app


@pytest.fixture
def site(harness: LedgerHarness, ledger_settings: Settings, tmp_path: Path) -> Settings:
    url = SecretStr(addresses(ledger_settings).ledger)
    settings = Settings(data_dir=tmp_path / "data", redis_url=url, engine="null")
    make_bank(settings, by_label(clustered(2)))
    return settings


@pytest.fixture
def client(site: Settings) -> FlaskClient:
    return create_app(site).test_client()


@pytest.fixture
def people(site: Settings) -> dict[str, dict[str, str]]:
    """Name → the header of their key."""
    scopes = {"mei": ["submit"], "li": ["submit", "review"], "boss": ["admin"], "guest": ["read"]}
    return {name: {"Authorization": f"Bearer {Keys.of(site).add(name, given)}"} for name, given in scopes.items()}


def submitted(client: FlaskClient, header: dict[str, str], name: str = "a", key: str = "") -> str:
    files = {"files": (io.BytesIO(b"photo"), "a.jpg"), "name": name}
    answer = client.post("/api/v1/jobs", data=files, headers=header | {"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["id"])


def names(client: FlaskClient, header: dict[str, str], query: str = "") -> list[str]:
    return [job["name"] for job in client.get(f"/api/v1/jobs{query}", headers=header).get_json()["jobs"]]


def test_a_job_is_its_owners(client: FlaskClient, people: dict[str, dict[str, str]], site: Settings) -> None:
    job = submitted(client, people["mei"])
    assert client.get(f"/api/v1/jobs/{job}", headers=people["guest"]).get_json()["owner"] == "mei"
    for act in ("pause", "resume", "cancel"):
        refused = client.post(f"/api/v1/jobs/{job}/{act}", headers=people["li"])
        assert (refused.status_code, refused.get_json()["code"]) == (403, "not_owner")
        assert "mei" in refused.get_json()["detail"]
    assert client.post(f"/jobs/{job}/cancel", headers=people["li"]).status_code == 403
    assert client.delete(f"/api/v1/jobs/{job}", headers=people["li"]).status_code == 403
    assert client.post(f"/api/v1/jobs/{job}/pause", headers=people["mei"]).get_json()["state"] == "paused"
    assert client.post(f"/api/v1/jobs/{job}/cancel", headers=people["boss"]).get_json()["state"] == "cancelled"
    assert client.delete(f"/jobs/{job}", headers=people["mei"]).status_code == 200
    told = [(event.who, event.act, event.what) for event in Audit(site).events()]
    assert told == [
        ("mei", "job_deleted", job),
        ("boss", "job_cancel", job),
        ("mei", "job_pause", job),
        ("mei", "job_submitted", job),
    ]


def test_mine_and_all(
    client: FlaskClient,
    people: dict[str, dict[str, str]],
    site: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(search, "_AT_ONCE", 2)
    assert site.redis_url
    monkeypatch.setenv("WEFT_REDIS_URL", site.redis_url.get_secret_value())
    for number in range(5):
        submitted(client, people["mei" if number % 2 else "li"], str(number))
    assert names(client, people["mei"]) == ["4", "3", "2", "1", "0"]
    assert names(client, people["mei"], "?mine=true") == ["3", "1"]
    assert names(client, people["boss"], "?owner=li") == ["4", "2", "0"]
    assert names(client, people["guest"], "?mine=true") == []
    first = client.get("/api/v1/jobs?owner=li&limit=2", headers=people["boss"]).get_json()
    assert [job["name"] for job in first["jobs"]] == ["4", "2"]
    assert names(client, people["boss"], f"?owner=li&limit=2&before={first['next']}") == ["0"]
    assert main.run(["jobs", "--owner", "mei", "--json", "--data-dir", str(site.data_dir)]) == 0
    assert [job["name"] for job in json.loads(capsys.readouterr().out)["jobs"]] == ["3", "1"]
    page = client.get("/jobs?mine=1", headers=people["mei"] | {"Accept": "text/html"}).text
    assert page.count('<td class="name">') == 2
    assert client.get("/jobs", headers=people["mei"] | {"Accept": "text/html"}).text.count('<td class="name">') == 5


def test_archived_jobs_keep_their_owner(
    client: FlaskClient, people: dict[str, dict[str, str]], site: Settings, harness: LedgerHarness
) -> None:
    job = submitted(client, people["mei"], "kept")
    Catalog(site).add(harness.ledger.job(job))
    harness.redis.flushall()
    assert names(client, people["mei"], "?mine=true") == ["kept"]
    assert names(client, people["li"], "?mine=true") == []
    assert names(client, people["li"]) == ["kept"]


def test_an_idempotency_key_is_its_owners(client: FlaskClient, people: dict[str, dict[str, str]]) -> None:
    mine = submitted(client, people["mei"], key="monday")
    assert submitted(client, people["mei"], key="monday") == mine
    assert submitted(client, people["li"], key="monday") != mine


def test_the_page_offers_what_one_may_do(client: FlaskClient, people: dict[str, dict[str, str]]) -> None:
    job = submitted(client, people["mei"])
    for name, offered in (("mei", True), ("li", False), ("guest", False), ("boss", True)):
        page = client.get(f"/jobs/{job}", headers=people[name] | {"Accept": "text/html"}).text
        assert (f'hx-post="/jobs/{job}/cancel"' in page) == offered, name


def test_without_keys_nothing_belongs_to_anybody(client: FlaskClient, site: Settings) -> None:
    job = submitted(client, {})
    assert client.get(f"/api/v1/jobs/{job}").get_json()["owner"] is None
    assert names(client, {}, "?mine=true") == ["a"]
    page = client.get("/jobs", headers={"Accept": "text/html", "Accept-Language": "en"}).text
    assert "Owner" not in page
    assert "Mine" not in page
    assert client.post(f"/api/v1/jobs/{job}/cancel").status_code == 200
    assert [event.who for event in Audit(site).events()] == ["anonymous", "anonymous"]
    # Jobs of that time are an administrator's.
    own = {"Authorization": f"Bearer {Keys.of(site).add('mei', ['submit'])}"}
    assert client.delete(f"/api/v1/jobs/{job}", headers=own).get_json()["code"] == "not_owner"


def test_corrections_say_who_made_them(
    client: FlaskClient, people: dict[str, dict[str, str]], site: Settings, harness: LedgerHarness
) -> None:
    manifest = BankStore(site).manifest()
    wish = replace(spec("swatches", Lane.INTERACTIVE, kind="upload"), bank=manifest.version, identity=INFO.identity)
    job = harness.ledger.submit(replace(wish, owner="mei"), photos(2)).id
    harness.drain(harness.worker(identity=INFO.identity), Lane.INTERACTIVE)
    address = f"/api/v1/jobs/{job}/items/0"
    assert client.patch(address, json={"label": "class-01"}, headers=people["mei"]).status_code == 403
    made = client.patch(address, json={"label": "class-01"}, headers=people["li"]).get_json()
    assert (made["corrected"], made["reviewed_by"]) == ("class-01", "li")
    items = client.get(f"/api/v1/jobs/{job}/items", headers=people["mei"]).get_json()["items"]
    assert [item["reviewed_by"] for item in items] == ["li", None]
    [first, _] = csv.DictReader(
        io.StringIO(client.get(f"/api/v1/jobs/{job}/export", headers=people["guest"]).text.removeprefix("\ufeff"))
    )
    assert first["reviewed_by"] == "li"
    assert first["owner"] == "mei"
    assert "· li" in client.get(f"/jobs/{job}", headers=people["guest"] | {"Accept": "text/html"}).text
    # The card asks which class was meant, and nothing is stored.
    scripted = people["li"] | {"HX-Request": "true"}
    asked = client.post(f"/jobs/{job}/items/1", data={"label": "never heard of"}, headers=scripted)
    assert asked.status_code == 200
    [event] = Audit(site).events(act="item_corrected")
    assert (event.who, event.what) == ("li", f"{job}/0")
    undone = client.patch(address, json={"label": None}, headers=people["li"]).get_json()
    assert (undone["corrected"], undone["reviewed_by"]) == (None, None)


def test_bank_versions_say_who_made_them_active(
    client: FlaskClient, people: dict[str, dict[str, str]], site: Settings
) -> None:
    first = BankStore(site).current()
    second = make_bank(site, by_label(clustered(3)))
    assert client.post("/bank/publish", data={"version": first}, headers=people["li"]).status_code == 403
    assert client.post("/bank/publish", data={"version": first}, headers=people["boss"]).status_code == 303
    listed = client.get("/api/v1/bank/versions", headers=people["guest"]).get_json()
    assert {row["version"]: row["published_by"] for row in listed["versions"]} == {first: "boss", second: None}
    page = client.get("/bank/versions", headers=people["guest"] | {"Accept": "text/html", "Accept-Language": "en"}).text
    assert "Made active by boss" in page
    assert client.post("/api/v1/bank/rollback", headers=people["boss"]).status_code == 200
    told = [(event.act, event.what) for event in Audit(site).events(act="bank", who="boss")]
    assert told == [("bank_rolled_back", second), ("bank_published", first)]


def test_bank_tasks_and_their_versions_say_who_asked(
    client: FlaskClient, people: dict[str, dict[str, str]], site: Settings
) -> None:
    version = BankStore(site).current()
    assert version
    chosen = BankStore(site).samples(version)[0].id
    wish = {"kind": "curate", "aside": [chosen], "publish": True}
    task = client.post("/api/v1/bank/tasks", json=wish, headers=people["boss"]).get_json()
    assert task["by"] == "boss"

    def done() -> bool:
        found = client.get(f"/api/v1/bank/tasks/{task['id']}", headers=people["guest"]).get_json()
        assert found["state"] in ("running", "done"), found
        return bool(found["state"] == "done")

    eventually(done, 60, "the task's end")
    made = BankStore(site).manifest()
    assert (made.by, BankStore(site).history()[-1].by) == ("boss", "boss")
    acts = [(event.who, event.act) for event in Audit(site).events(act="bank")]
    assert acts == [("boss", "bank_published"), ("boss", "bank_task")]


def test_the_pages_of_a_reader_offer_nothing_that_would_be_refused(
    client: FlaskClient, people: dict[str, dict[str, str]]
) -> None:
    for address in ("/", "/bank/versions", "/bank/check", "/bank/corrections", "/bank/classes/class-00"):
        page = client.get(address, headers=people["guest"] | {"Accept": "text/html"}).text
        assert 'type="submit"' not in page, address
        assert 'type="submit"' in client.get("/", headers=people["mei"] | {"Accept": "text/html"}).text
