"""Jobs that work at certain hours only: they wait outside them, apart from a person's pause, whatever restarts."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from scripts.cli import main as cli
from shared.collections.running import Running
from shared.collections.store import Collections
from shared.collections.store import Wish as CollectionWish
from shared.core.settings import Settings
from shared.core.window import Window, closes, opens, parsed
from shared.jobs.model import Job, JobState, Lane
from shared.jobs.notes import hours_sentence
from shared.jobs.shown import shown_job
from tests.integration.test_dispatcher_turns import at_work, underway
from tests.ledger_harness import LedgerHarness
from tests.product import eventually
from worker.dispatcher import hours

NIGHT = "20:00-07:00 Asia/Shanghai"


def around(before: float, after: float) -> Window:
    """From so many hours before now to so many after it; both may be negative."""
    now = datetime.now()
    start, end = (now + timedelta(hours=shift) for shift in (-before, after))
    return parsed(f"{start:%H:%M}-{end:%H:%M}")


#: Hours that are and that are not now.
NOW, LATER = around(2, 2), around(-2, 4)


def moment(text: str) -> float:
    return datetime.fromisoformat(f"{text}+08:00").timestamp()


def keep(harness: LedgerHarness, at: str) -> None:
    """What the dispatcher does at this time of Shanghai."""
    hours.keep(harness.ledger, harness.dispatcher, harness.ledger.active(), moment(at), lambda job, step: step(job))


def state(harness: LedgerHarness, job: Job) -> JobState:
    return harness.ledger.job(job.id).state


def test_the_night_shift(harness: LedgerHarness) -> None:
    """Over midnight, with a chunk in flight at the close."""
    job = harness.submit(200)
    harness.ledger.set_window(job.id, parsed(NIGHT))
    keep(harness, "2026-11-30 19:59")
    assert state(harness, job) is JobState.OFF_HOURS
    assert harness.admit(job) == 0
    keep(harness, "2026-11-30 20:00")
    assert state(harness, job) is JobState.QUEUED
    harness.admit(job)
    worker = harness.worker()
    claim = worker.claim(Lane.BULK)
    assert claim is not None
    keep(harness, "2026-12-01 06:59")
    assert state(harness, job) is JobState.RUNNING
    keep(harness, "2026-12-01 07:00")
    assert state(harness, job) is JobState.OFF_HOURS
    # What is being classified is finished; nothing more begins.
    assert harness.finish(worker, claim)
    assert harness.ledger.job(job.id).done == len(claim.items)
    assert worker.claim(Lane.BULK) is None
    keep(harness, "2026-12-01 20:00")
    assert state(harness, job) is JobState.RUNNING
    harness.admit(job)
    harness.drain(worker)
    harness.check(job)


def test_the_last_chunk_may_end_after_the_close(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.ledger.set_window(job.id, parsed(NIGHT))
    harness.admit(job)
    claim = harness.worker().claim(Lane.BULK)
    assert claim is not None
    keep(harness, "2026-12-01 07:00")
    harness.finish(harness.worker(), claim)
    harness.check(job)


def test_a_persons_pause_stays(harness: LedgerHarness) -> None:
    job = harness.submit(200)
    harness.ledger.set_window(job.id, parsed(NIGHT))
    harness.ledger.pause(job.id)
    for at in ("19:00", "21:00"):
        keep(harness, f"2026-11-30 {at}")
        assert state(harness, job) is JobState.PAUSED
    # Paused while it waited for its hours: the same.
    harness.ledger.resume(job.id)
    keep(harness, "2026-12-01 12:00")
    assert state(harness, job) is JobState.OFF_HOURS
    assert harness.ledger.pause(job.id).state is JobState.PAUSED
    keep(harness, "2026-12-01 21:00")
    assert state(harness, job) is JobState.PAUSED
    harness.ledger.resume(job.id)
    keep(harness, "2026-12-01 21:00")
    assert state(harness, job) is JobState.QUEUED
    # Resumed outside its hours after a pause: it waits for them.
    harness.ledger.pause(job.id)
    harness.ledger.resume(job.id)
    keep(harness, "2026-12-02 12:00")
    assert state(harness, job) is JobState.OFF_HOURS


def test_run_now_all_the_same(harness: LedgerHarness) -> None:
    """Until the hours begin the next time: then they count again."""
    job = harness.submit(200)
    harness.ledger.set_window(job.id, parsed(NIGHT))
    keep(harness, "2026-11-30 12:00")
    assert harness.ledger.job(job.id).offered == ("cancel", "pause", "resume")
    assert harness.ledger.resume(job.id).state is JobState.QUEUED
    keep(harness, "2026-11-30 12:01")
    assert harness.ledger.job(job.id).anyway
    assert state(harness, job) is JobState.QUEUED
    keep(harness, "2026-11-30 20:00")
    assert not harness.ledger.job(job.id).anyway
    keep(harness, "2026-12-01 07:00")
    assert state(harness, job) is JobState.OFF_HOURS
    # Without its window it works at once.
    harness.ledger.set_window(job.id, None)
    keep(harness, "2026-12-01 07:00")
    assert state(harness, job) is JobState.QUEUED


def test_a_retry_waits_for_the_hours(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    harness.ledger.set_window(job.id, parsed(NIGHT))
    harness.admit(job)
    harness.drain(harness.worker(), bad=[1])
    assert state(harness, job) is JobState.FINISHED
    keep(harness, "2026-12-01 12:00")
    assert state(harness, job) is JobState.FINISHED
    harness.ledger.retry(job.id)
    keep(harness, "2026-12-01 12:00")
    assert state(harness, job) is JobState.OFF_HOURS


def test_the_dispatcher_and_the_next_one(harness: LedgerHarness, ledger_settings: Settings) -> None:
    """Nothing begins before the window opens, also beside other work, and a new dispatcher knows it all."""
    job = harness.submit(4000, window=str(LATER))
    few = harness.submit(4, lane=Lane.INTERACTIVE, window=str(LATER))
    other = harness.submit(100)
    assert (job.state, few.state) == (JobState.OFF_HOURS, JobState.OFF_HOURS)
    with at_work(harness, ledger_settings, 1):
        eventually(lambda: state(harness, other) is JobState.FINISHED, what="the other job's end")
        assert harness.ledger.job(job.id).done == harness.ledger.job(few.id).done == 0
        harness.ledger.set_window(job.id, NOW)
        underway(harness, job)
    with at_work(harness, ledger_settings, 1):
        done = harness.ledger.job(job.id).done
        eventually(lambda: harness.ledger.job(job.id).done > done, what="work under the next dispatcher")
        harness.ledger.set_window(job.id, LATER)
        eventually(lambda: state(harness, job) is JobState.OFF_HOURS, what="the close")
        eventually(lambda: not harness.leased(job.id), what="the end of what was in flight")
        done = harness.ledger.job(job.id).done
        beside = harness.submit(100)
        eventually(lambda: state(harness, beside) is JobState.FINISHED, what="work beside it")
        assert harness.ledger.job(job.id).done == done
    for left in (job, few):
        harness.ledger.cancel(left.id)


def test_it_is_said_in_words(harness: LedgerHarness) -> None:
    job = harness.submit(4, window=str(LATER))
    begins = datetime.fromtimestamp(opens(LATER, time.time()) or 0)
    assert hours_sentence(job, "en") == f"Waits until {begins:%H:%M}; works {LATER}."
    assert f"{begins:%H:%M} 开始" in (hours_sentence(job, "zh") or "")
    shown = shown_job(job, "en")
    assert (shown["state"], shown["window"], shown["opens_at"]) == ("off_hours", str(LATER), begins.timestamp())
    harness.ledger.resume(job.id)
    assert "outside its hours" in (hours_sentence(harness.ledger.job(job.id), "en") or "")
    harness.ledger.set_window(job.id, NOW)
    ends = datetime.fromtimestamp(closes(NOW, time.time()) or 0)
    assert hours_sentence(harness.ledger.job(job.id), "en") == f"Works {NOW}; waits from {ends:%H:%M} on."
    harness.ledger.cancel(job.id)
    assert hours_sentence(harness.ledger.job(job.id), "en") is None


def test_by_api(ledger_client: FlaskClient, harness: LedgerHarness, swatches: Path) -> None:
    tomorrow = time.time() + 86400
    asked = {"path": str(swatches), "window": f"{LATER.hours} Asia/Shanghai", "deadline": tomorrow}
    made = ledger_client.post("/api/v1/jobs/folder", json=asked).get_json()
    assert (made["window"], made["deadline"]) == (f"{LATER.hours} Asia/Shanghai", pytest.approx(tomorrow))
    files = {"files": (swatches / "a.jpg").open("rb"), "window": str(LATER)}
    made = ledger_client.post("/api/v1/jobs", data=files).get_json()
    assert made.get("state") == "off_hours", made
    assert made["window"] == str(LATER)
    # Few photos, but nobody waits for them.
    assert harness.ledger.find(made["id"]).lane is Lane.BULK
    begun = ledger_client.post("/api/v1/uploads", json={"window": str(LATER), "deadline": tomorrow}).get_json()
    files = {"files": (swatches / "a.jpg").open("rb"), "positions": "0"}
    ledger_client.post(f"/api/v1/uploads/{begun['id']}/photos", data=files)
    made = ledger_client.post(f"/api/v1/uploads/{begun['id']}/finish", json={"files": 1}).get_json()
    assert (made["window"], made["deadline"]) == (str(LATER), pytest.approx(tomorrow))
    changed = ledger_client.patch(f"/api/v1/jobs/{made['id']}", json={"window": "", "deadline": None}).get_json()
    assert (changed["window"], changed["deadline"]) == (None, None)
    changed = ledger_client.patch(f"/api/v1/jobs/{made['id']}", json={"window": "8:00-9:00 sat"}).get_json()
    assert changed["window"] == "08:00-09:00 sat"
    for wrong, code in (({"window": "8-9"}, "window_hours"), ({"deadline": 1}, "deadline_out_of_range")):
        assert ledger_client.patch(f"/api/v1/jobs/{made['id']}", json=wrong).get_json()["code"] == code
        refused = ledger_client.post("/api/v1/jobs/folder", json={"path": str(swatches), **wrong})
        assert refused.get_json()["code"] == code
    harness.ledger.cancel(made["id"])
    assert ledger_client.patch(f"/api/v1/jobs/{made['id']}", json={"window": ""}).status_code == 409


def test_by_the_forms_without_scripts(ledger_client: FlaskClient, harness: LedgerHarness, swatches: Path) -> None:
    fields = {"path": str(swatches), "window_from": "20:00", "window_to": "00:00", "zone": "Asia/Shanghai"}
    ledger_client.post("/folder", data=fields)
    job = harness.newest
    assert job.window == "20:00-24:00 Asia/Shanghai"
    page = ledger_client.get(f"/jobs/{job.id}").get_data(as_text=True)
    assert 'name="window_to" value="00:00"' in page
    ledger_client.post(
        f"/jobs/{job.id}/hours", data={"window_from": "21:00", "window_to": "06:00", "window_days": "fri"}
    )
    assert harness.ledger.job(job.id).window == "21:00-06:00 fri"
    ledger_client.post(f"/jobs/{job.id}/hours", data={"window_from": "", "window_to": ""})
    assert harness.ledger.job(job.id).window is None
    # Half a window is none; the form keeps what was typed.
    page = ledger_client.post("/folder", data={"path": str(swatches), "window_from": "20:00"}).get_data(as_text=True)
    assert "are no hours such as" in page
    assert 'name="window_from" value="20:00"' in page


def test_by_the_command_line(
    ledger_site: Settings, harness: LedgerHarness, swatches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ledger_site.redis_url
    monkeypatch.setenv("WEFT_REDIS_URL", ledger_site.redis_url.get_secret_value())

    def weft(*words: str) -> int:
        return cli.run([*words, "--data-dir", str(ledger_site.data_dir)])

    submit = ("submit", str(swatches), "--at", "22:00", "--by", "07:00")
    assert weft(*submit, "--window", "20:00-7:00", "--zone", "Asia/Shanghai") == 0
    job = harness.newest
    assert job.window == NIGHT
    assert job.deadline is not None
    assert job.not_before is not None
    # The first such time after the start.
    assert job.deadline - job.not_before == 9 * 3600
    assert weft("change", job.id, "--window", "none", "--by", "none", "--name", "Spring") == 0
    job = harness.ledger.job(job.id)
    assert (job.name, job.window, job.deadline) == ("Spring", None, None)
    assert weft("change", job.id) == 2
    assert weft("change", job.id, "--window", "20-7") == 2
    assert weft("submit", str(swatches), "--window", "20-7") == 2


def test_a_collections_jobs_have_its_hours(ledger_site: Settings, harness: LedgerHarness, swatches: Path) -> None:
    collections = Collections(ledger_site)
    wish = CollectionWish(folders=(str(swatches),), window="20:00-7:00 Asia/Shanghai", by="07:00 Asia/Shanghai")
    made = collections.new(wish)
    with collections.index(made.id) as index:
        index.runs.ask()
    # As if it had not been written just now.
    os.utime(swatches / "a.jpg", (1.7e9, 1.7e9))
    run = Running(ledger_site, harness.ledger, made).step()
    assert run is not None
    assert run.job is not None
    job = harness.ledger.job(run.job)
    assert job.window == NIGHT
    assert job.deadline is not None
    assert 0 < job.deadline - time.time() <= 86400
    assert datetime.fromtimestamp(job.deadline).astimezone().strftime("%M") == "00"
    changed = collections.change(made.id, CollectionWish(window="", by=""))
    assert (changed.window, changed.by) == (None, None)
