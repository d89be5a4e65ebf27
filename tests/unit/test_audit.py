"""The audit log keeps what happened, in order, and lets nobody change it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scripts.cli.main import run
from shared.access import audit
from shared.access.audit import Audit
from shared.access.keys import Keys
from shared.core.settings import Settings
from web.app import create_app


def test_by_who_what_and_act(settings: Settings) -> None:
    log = Audit(settings)
    log.record("mei", "job_submitted", "j1", "key", "10.0.0.1")
    log.record("li", "item_corrected", "j1/3")
    log.record("li", "job_cancel", "j10")
    assert [event.act for event in log.events()] == ["job_cancel", "item_corrected", "job_submitted"]
    assert [event.what for event in log.events(who="li")] == ["j10", "j1/3"]
    assert [event.who for event in log.events(act="job")] == ["li", "mei"]
    assert [event.what for event in log.events(what="j1")] == ["j1/3", "j1"]
    first = log.events(limit=1)
    assert [event.act for event in log.events(before=first[0].id)] == ["item_corrected", "job_submitted"]
    assert (log.events(who="mei")[0].via, log.events(who="mei")[0].address) == ("key", "10.0.0.1")


def test_nothing_is_changed(settings: Settings) -> None:
    Audit(settings).record("mei", "login")
    with closing(sqlite3.connect(settings.data_dir / audit.FILE)) as db, pytest.raises(sqlite3.Error, match="append"):
        db.execute("UPDATE events SET who = 'li'")
    assert (settings.data_dir / audit.FILE).stat().st_size > 0


def test_it_is_bounded_by_age_and_number(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_TIDY_EVERY", 1)
    monkeypatch.setattr(audit, "MAX_EVENTS", 5)
    log = Audit(settings)
    for number in range(9):
        log.record("mei", "login", str(number))
    with closing(sqlite3.connect(settings.data_dir / audit.FILE)) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (5,)
    brief = Audit(settings.model_copy(update={"audit_days": 1e-9}))
    assert brief.events() == []
    brief.record("mei", "login")
    with closing(sqlite3.connect(settings.data_dir / audit.FILE)) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone()[0] <= 1


def test_a_disk_that_refuses_it_stops_nothing(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / audit.FILE).mkdir()
    Audit(settings).record("mei", "login")


def test_a_log_that_was_moved_away_begins_again(settings: Settings) -> None:
    log = Audit(settings)
    log.record("mei", "login")
    for path in settings.data_dir.glob(f"{audit.FILE}*"):
        path.rename(path.with_name(f"old-{path.name}"))
    log.record("li", "login")
    assert [event.who for event in Audit(settings).events()] == ["li"]


def test_refusals_are_recorded(settings: Settings) -> None:
    client = create_app(settings).test_client()
    header = {"Authorization": f"Bearer {Keys.of(settings).add('looms', ['read'])}"}
    assert client.post("/api/v1/bank/rollback", headers=header).status_code == 403
    assert client.get("/api/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    wrong, lacking = Audit(settings).events()
    assert (wrong.who, wrong.act, wrong.address) == ("anonymous", "key_refused", "127.0.0.1")
    assert (lacking.who, lacking.act, lacking.via) == ("looms", "not_allowed", "key")
    assert "wrong" not in str(wrong)


def test_keys_and_the_log_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def weft(*words: str) -> dict[str, object]:
        assert run([*words, "--json", "--data-dir", str(tmp_path)]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    made = weft("key", "create", "mei", "--scope", "submit", "--scope", "review", "--days", "1")
    assert made["scopes"] == ["review", "submit"]
    weft("key", "revoke", "mei")
    events = weft("audit", "--act", "key")["events"]
    assert isinstance(events, list)
    assert [(event["act"], event["what"]) for event in events] == [("key_revoked", "mei"), ("key_created", "mei")]
    assert all(event["who"].startswith("local") for event in events)
    assert run(["audit", "--data-dir", str(tmp_path)]) == 0
    assert "key_revoked" in capsys.readouterr().out


def test_keys_through_the_api(settings: Settings) -> None:
    client = create_app(settings).test_client()
    early = client.post("/api/v1/keys", json={"name": "mei", "scopes": ["admin"]})
    assert (early.status_code, early.get_json()["code"]) == (409, "first_key")
    header = {"Authorization": f"Bearer {Keys.of(settings).add('boss')}"}
    made = client.post("/api/v1/keys", json={"name": "a/梅", "scopes": ["submit"]}, headers=header)
    assert made.status_code == 201
    assert (made.get_json()["by"], made.get_json()["scopes"]) == ("boss", ["submit"])
    own = {"Authorization": f"Bearer {made.get_json()['key']}"}
    assert client.get("/api/v1/me", headers=own).get_json()["name"] == "a/梅"
    assert "key" not in client.get("/api/v1/keys", headers=header).get_json()["keys"][0]
    for wrong in ({"name": "x", "scopes": []}, {"name": "x", "scopes": ["root"]}, {"name": "", "scopes": ["read"]}):
        assert client.post("/api/v1/keys", json=wrong, headers=header).status_code == 400
    past = {"name": "x", "scopes": ["read"], "expires": 1.0}
    assert client.post("/api/v1/keys", json=past, headers=header).get_json()["code"] == "expiry_out_of_range"
    assert client.delete("/api/v1/keys/a/梅", headers=header).status_code == 204
    assert client.get("/api/v1/me", headers=own).status_code == 401
    events = client.get("/api/v1/audit?who=boss", headers=header).get_json()["events"]
    assert [(event["act"], event["what"]) for event in events] == [("key_revoked", "a/梅"), ("key_created", "a/梅")]
