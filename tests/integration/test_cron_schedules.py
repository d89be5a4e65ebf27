"""Schedules of collections as cron expressions: by API, form and command line, and in the dispatcher's runs."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from scripts.cli import main as cli
from shared.collections.collection import Collection
from shared.collections.schedule import Schedule, last_due, next_after, parsed
from shared.collections.store import Collections, Wish
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from tests.ledger_harness import LedgerHarness
from tests.product import eventually
from worker.dispatcher.collecting import Collector


def at(text: str, zone: str = "Asia/Shanghai", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def cron(text: str, zone: str = "Asia/Shanghai") -> Schedule:
    return parsed("", "", zone, text)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("30 22 * * mon-fri", "2026-11-30 22:29", "2026-11-30 22:30"),
        ("30 22 * * mon-fri", "2026-12-04 22:30", "2026-12-07 22:30"),
        ("0 */6 * * *", "2026-11-30 00:00", "2026-11-30 06:00"),
        ("0 20 L * *", "2026-11-30 20:00", "2026-12-31 20:00"),
        ("0 20 * * MON#1", "2026-11-30 20:00", "2026-12-07 20:00"),
        ("15,45 8-9 1 jan *", "2026-11-30 20:00", "2027-01-01 08:15"),
    ],
)
def test_the_next_run(text: str, after: str, expected: str) -> None:
    assert next_after(cron(text), at(after)) == at(expected)


def test_where_the_clock_changes() -> None:
    """As Debian's cron: what is skipped runs at once after the change, what is repeated runs once."""
    night = cron("30 2 * * *", "Europe/Berlin")
    skipped = next_after(night, at("2027-03-28 00:00", "Europe/Berlin"))
    assert skipped == at("2027-03-28 03:00", "Europe/Berlin")
    first = next_after(night, at("2026-10-25 00:00", "Europe/Berlin"))
    assert first == at("2026-10-25 02:30", "Europe/Berlin")
    assert next_after(night, first) == at("2026-10-26 02:30", "Europe/Berlin")


def test_what_was_missed_is_due_once() -> None:
    hourly = cron("0 * * * *")
    now = at("2026-11-30 12:34")
    assert last_due(hourly, at("2026-11-01 00:00"), now) == at("2026-11-30 12:00")
    assert last_due(hourly, at("2026-11-30 12:00"), now) is None
    assert last_due(hourly, at("2026-11-30 11:59"), at("2026-11-30 12:00")) == at("2026-11-30 12:00")
    # Months ago is caught up, too.
    assert last_due(cron("0 0 1 9 *"), at("2026-08-01 00:00"), now) == at("2026-09-01 00:00")


@pytest.mark.parametrize(
    "text", ["30 22 * *", "30 22 * * mon-fri *", "60 22 * * *", "x", "* * 31 2 *", "0 0 * * mon-xyz", "1 " * 120]
)
def test_what_is_no_cron_expression(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        cron(text)
    assert refused.value.code == "schedule_cron"


def test_either_a_time_or_an_expression() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed("22:00", "", "", "0 22 * * *")
    assert refused.value.code == "schedule_cron_alone"
    assert cron(" 30  22 * *  MON-FRI ").cron == "30 22 * * mon-fri"
    # A list that an earlier version has written has none.
    assert Schedule.from_json({"at": "22:00"}).cron == ""


def test_by_api_form_and_command_line(
    ledger_client: FlaskClient, ledger_site: Settings, swatches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ledger_client.post(
        "/api/v1/collections", json={"folders": [str(swatches)], "schedule": {"cron": "30 22 * * mon-fri"}}
    ).get_json()
    assert made["schedule"] == {"at": "", "days": [], "zone": "", "cron": "30 22 * * mon-fri"}
    assert made["next_run"] > time.time()
    page = ledger_client.get(f"/collections/{made['id']}").get_data(as_text=True)
    assert "<code>30 22 * * mon-fri</code>" in page
    fields = {"name": made["name"], "folders": str(swatches), "cron": "0 20 * * *", "zone": "Asia/Shanghai"}
    fields |= {"window_from": "20:00", "window_to": "07:00", "by": "06:30"}
    ledger_client.post(f"/collections/{made['id']}", data=fields)
    changed = ledger_client.get(f"/api/v1/collections/{made['id']}").get_json()
    assert changed["schedule"]["cron"] == "0 20 * * *"
    assert (changed["window"], changed["by"]) == ("20:00-07:00 Asia/Shanghai", "06:30 Asia/Shanghai")
    page = ledger_client.get(f"/collections/{made['id']}?lang=zh").get_data(as_text=True)
    assert "识别时段 20:00-07:00 (Asia/Shanghai)" in page
    refused = ledger_client.post(f"/collections/{made['id']}", data=fields | {"cron": "0 20"})
    assert refused.status_code == 400
    assert 'value="0 20"' in refused.get_data(as_text=True)
    weft = ["collection", "edit", made["id"], "--data-dir", str(ledger_site.data_dir)]
    assert cli.run([*weft, "--cron", "0 21 * * *", "--window", "", "--by", ""]) == 0
    found = Collections(ledger_site).find(made["id"])
    assert found.schedule is not None
    assert (found.schedule.cron, found.window, found.by) == ("0 21 * * *", None, None)
    assert cli.run([*weft, "--cron", ""]) == 0
    assert Collections(ledger_site).find(made["id"]).schedule is None


def test_the_dispatcher_runs_it(ledger_site: Settings, harness: LedgerHarness, swatches: Path) -> None:
    collections = Collections(ledger_site)
    made = collections.new(Wish(folders=(str(swatches),), schedule=Schedule(cron="* * * * *")))
    long_ago = made.model_copy(update={"scheduled": time.time() - 3600})

    def put(known: list[Collection]) -> list[Collection]:
        return [long_ago if one.id == made.id else one for one in known]

    collections._change(put)
    collector = Collector(ledger_site, Ledger.connect(ledger_site))
    collector.start()
    try:

        def runs() -> int:
            with collections.index(made.id) as index:
                return len([run for run in index.runs.list(10) if run.due is not None and not run.under_way])

        eventually(lambda: runs() == 1, what="one run for all that was missed")
    finally:
        collector.end()
        collector.join(30)
