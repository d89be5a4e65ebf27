"""Jobs with a deadline: the estimate counts open hours only, and a job that will be late says so."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from shared.core.settings import Settings
from shared.core.window import after_open, open_seconds, parsed
from shared.jobs.estimate import Estimate, Hours, Moment, estimate, onward
from shared.jobs.ledger import keys
from shared.jobs.model import Job, JobState
from shared.jobs.notes import late_sentence
from shared.jobs.notices import Event, Notices
from shared.jobs.shown import shown_job
from shared.jobs.webhook_news import trouble_of
from tests.integration.test_dispatcher_robust import own
from tests.integration.test_estimate import _advance, _heartbeat, _running
from tests.integration.test_notices import clean
from tests.integration.test_webhooks import Receiver, announcing, receiver
from tests.integration.test_windows import LATER, around
from tests.ledger_harness import LedgerHarness
from tests.product import eventually
from worker.dispatcher import announcing as announcer
from worker.dispatcher.forecasting import Forecaster

__all__ = ["clean", "own", "receiver"]


def _steady(start: float, workers: float = 1.0) -> list[Moment]:
    """One photo a second and worker for ten minutes."""
    course: list[Moment] = []
    for step in range(121):
        course = onward(course, start + 5 * step, round(5 * step * workers), 0, workers)
    return course


def test_only_open_hours_count() -> None:
    night = parsed("20:00-07:00 Asia/Shanghai")
    start = datetime.fromisoformat("2026-11-30T20:00+08:00").timestamp()
    course, now = _steady(start), start + 600
    # Twelve hours of work, of which ten hours and fifty minutes are left of this night.
    found = estimate(course, 12 * 3600, now, 1, hours=Hours(night))
    assert found is not None
    assert found.done_at == pytest.approx(start + 24 * 3600 + 4200, abs=600)
    assert found.with_another < start + 7 * 3600
    # The end and the interval lie inside the hours.
    assert all(open_seconds(night, moment - 1, moment) for moment in (found.earliest, found.done_at, found.latest))
    # While it waits, the next night is what counts.
    closing = onward(course, now + 3, 600, 0, 0.0)
    noon = start + 16 * 3600
    assert estimate(closing, 3600, noon, 1) is None
    closed = estimate(closing, 3600, noon, 1, hours=Hours(night, closed=True))
    assert closed is not None
    assert closed.done_at == pytest.approx(start + 25 * 3600, abs=120)


def test_the_workers_that_would_do() -> None:
    course = _steady(0.0, 2.0)

    def needed(by: float | None, left: int = 36000, window: str | None = None) -> int | None:
        found = estimate(course, left, 600, 2, hours=Hours(window and parsed(window), by))
        assert found is not None
        return found.needed

    # Ten hours of work for one worker.
    assert needed(None) is None
    assert needed(600 + 6 * 3600) == 2
    assert needed(600 + 3 * 3600) == 4
    assert needed(600 + 1) is None
    assert needed(500) is None
    # Of these three hours, one is open.
    assert needed(600 + 3 * 3600, window="00:00-01:10 UTC") == 10


def _late(harness: LedgerHarness, by: float, **fields: Any) -> tuple[Job, float]:
    """A job of 1000 photos, a photo a second, of which 200 are done; `by`: seconds from now."""
    job = _running(harness, **fields)
    harness.ledger.set_deadline(job.id, time.time() + by)
    last = _advance(harness, Forecaster(harness.ledger), job, 10, time.time() - 100)
    return harness.ledger.job(job.id), last


def test_it_is_late_as_soon_as_the_estimate_says_so(harness: LedgerHarness) -> None:
    job, _ = _late(harness, by=2000)
    assert not job.late
    assert late_sentence(job, "en") is None
    job, _ = _late(harness, by=350)
    assert job.late
    assert job.estimate is not None
    shown = shown_job(job, "en")
    assert (shown["late"], shown["workers_needed"]) == (True, 3)
    assert "Will be late: expected at" in str(shown["late_message"])
    assert "With 3 workers as fast as these" in str(shown["late_message"])
    assert "3 个同样快的识别服务" in (late_sentence(job, "zh") or "")
    # With the workers it needs it is not.
    for name in ("w2", "w3"):
        _heartbeat(harness, job, name)
    Forecaster(harness.ledger).look(time.time() + 1)
    assert not harness.ledger.job(job.id).late


def test_little_done_tells_little(harness: LedgerHarness) -> None:
    """Before a tenth is done, only an end that is as good as certain counts."""
    job, _ = _late(harness, by=350)
    assert job.estimate is not None
    early = replace(job, ok=50, deadline=job.estimate.done_at - 1)
    assert not early.late
    assert replace(early, ok=150).late
    assert replace(early, deadline=job.estimate.earliest - 1).late


def test_past_its_deadline_and_behind_closed_doors(harness: LedgerHarness) -> None:
    job = harness.submit(8)
    assert not replace(job, deadline=time.time() + 60).late
    assert replace(job, deadline=time.time() - 60).late
    ended = replace(job, state=JobState.FINISHED, finished=100.0)
    assert (replace(ended, deadline=99.0).late, replace(ended, deadline=101.0).late) == (True, False)
    assert "after its deadline" in (late_sentence(replace(ended, deadline=99.0), "en") or "")
    # Its hours begin after its deadline: no estimate is needed to see that.
    waits = harness.submit(8, window=str(LATER), deadline=time.time() + 3600)
    assert waits.late
    assert not replace(waits, deadline=time.time() + 3 * 3600).late


def test_a_job_outside_its_hours_has_an_estimate(harness: LedgerHarness) -> None:
    job, last = _late(harness, by=20 * 3600)
    harness.ledger.set_window(job.id, LATER)
    harness.ledger.close(job.id)
    forecaster = Forecaster(harness.ledger)
    for step in range(3):
        forecaster.look(last + 10 * step)
    found = harness.ledger.job(job.id).estimate
    assert found is not None
    opens = harness.ledger.job(job.id).opens_at
    assert opens is not None
    assert found.done_at == pytest.approx(after_open(LATER, opens, 800), abs=100)
    # It stands still all the while, and its course does not grow.
    rows = harness.redis.lrange(keys.job(job.id, "course"), 0, -1)
    assert [json.loads(row)[3] for row in rows[-2:]] == [1.0, 0.0]
    harness.ledger.open(job.id)
    forecaster.look(last + 3600)
    assert harness.ledger.job(job.id).estimate is not None


def test_an_estimate_of_an_earlier_version_is_read(harness: LedgerHarness) -> None:
    job = _running(harness)
    harness.redis.set(keys.job(job.id, "estimate"), json.dumps([3.0, 2.0, 4.0, 1, 2.5]))
    assert harness.ledger.job(job.id).estimate == Estimate(3.0, 2.0, 4.0, 1, 2.5, None)


def test_it_is_told_once_for_each_deadline(harness: LedgerHarness, own: Settings, clean: None) -> None:
    job, _ = _late(harness, by=350)
    notices = Notices(own, harness.redis)
    assert notices.look([job]) == [(job.id, Event.LATE)]
    assert notices.look([job]) == []
    # The estimate wavers: not again, also by another dispatcher.
    assert Notices(own, harness.redis).look([replace(job, estimate=None)]) == []
    assert Notices(own, harness.redis).look([job]) == []
    harness.ledger.set_deadline(job.id, time.time() + 300)
    assert notices.look([harness.ledger.job(job.id)]) == [(job.id, Event.LATE)]
    told = trouble_of(own.model_copy(update={"lang": "zh"}), harness.ledger, job, Event.LATE)
    assert "将赶不上截止时间" in told.title
    assert "3 个同样快的识别服务" in told.text
    assert (told.document["event"], told.document["job"]["workers_needed"]) == ("job.late", 3)


def test_it_is_sent(
    harness: LedgerHarness, own: Settings, receiver: Receiver, clean: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "_LOOK_INTERVAL", 0.2)
    with announcing(harness, own, receiver.url):
        job = harness.submit(8, window=str(around(-3, 4)), deadline=time.time() + 3600)
        eventually(lambda: bool(receiver.got), what="the message")
        eventually(lambda: harness.redis.hlen(keys.WEBHOOKS) == 0, what="an empty queue")
    (body,) = [body for _, _, body in receiver.got if b"job.late" in body]
    assert json.loads(body)["job"]["id"] == job.id
