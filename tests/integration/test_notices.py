"""What is told of a job that is under way: too many of its photos fail, or no worker comes; each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.core.settings import Settings
from shared.jobs.ledger import keys
from shared.jobs.model import Job, Lane
from shared.jobs.notices import FEWEST, Event, Notices, holds
from shared.jobs.webhook_news import trouble_of
from shared.jobs.webhook_queue import WebhookQueue
from tests.integration.test_dispatcher_robust import own
from tests.integration.test_webhooks import Receiver, announcing, receiver
from tests.ledger_harness import LedgerHarness
from tests.product import eventually
from worker.dispatcher import announcing as announcer

__all__ = ["own", "receiver"]


@pytest.fixture
def clean(harness: LedgerHarness) -> Iterator[None]:
    harness.ledger.connection.redis.delete(keys.NOTICES)
    yield
    harness.ledger.connection.redis.delete(keys.NOTICES)


def running(harness: LedgerHarness, failed: int) -> Job:
    """A job of which `FEWEST` photos or a few more are done, so many failed."""
    made = harness.submit(4 * FEWEST, lane=Lane.BULK)
    harness.admit(made)
    while harness.ledger.job(made.id).done < FEWEST:
        claim = harness.worker().claim(Lane.BULK)
        assert claim is not None
        harness.finish(harness.worker(), claim, bad=range(failed))
    return harness.ledger.job(made.id)


def test_many_failures(harness: LedgerHarness, own: Settings, clean: None) -> None:
    settings = own.model_copy(update={"notice_failed_share": 0.2})
    share = int(0.2 * running(harness, failed=0).done)
    few, many = running(harness, failed=share), running(harness, failed=share + 1)
    assert (few.failed, many.failed, many.ended) == (share, share + 1, False)
    notices = Notices(settings, harness.ledger.connection.redis)
    assert notices.look([few, many]) == [(many.id, Event.FAILING)]
    assert notices.look([few, many]) == []
    # Another dispatcher does not tell it again; a job that has ended is forgotten.
    assert Notices(settings, harness.ledger.connection.redis).look([many]) == []
    assert notices.look([few]) == []
    assert harness.ledger.connection.redis.hlen(keys.NOTICES) == 0
    told = trouble_of(settings.model_copy(update={"lang": "zh"}), harness.ledger, many, Event.FAILING)
    assert "大量照片失败" in told.title
    assert f"{many.done} 张中有 {many.failed} 张失败" in told.text
    assert (told.document["event"], told.document["failures"]) == ("job.failing", {"truncated": many.failed})


def test_no_worker(harness: LedgerHarness, own: Settings, clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = own.model_copy(update={"notice_no_worker_minutes": 10})
    now = 1000.0
    monkeypatch.setattr("shared.jobs.notices.time.monotonic", lambda: now)
    job = replace(harness.submit(4), note="no_worker")
    assert job.waiting_for == "worker"
    notices = Notices(settings, harness.ledger.connection.redis)
    assert notices.look([job]) == []
    now += 599
    assert notices.look([job]) == []
    now += 1
    assert notices.look([job]) == [(job.id, Event.NO_WORKER)]
    assert notices.look([job]) == []
    # A worker comes and goes: told again after the same time.
    assert notices.look([replace(job, note=None)]) == []
    assert notices.look([job]) == []
    now += 600
    assert notices.look([job]) == [(job.id, Event.NO_WORKER)]
    assert not holds(Event.NO_WORKER, job, settings.model_copy(update={"notice_no_worker_minutes": 0}))
    assert not holds(Event.NO_WORKER, replace(job, kind="classify"), settings)


def test_it_is_sent_and_not_when_it_is_over(
    harness: LedgerHarness, own: Settings, receiver: Receiver, clean: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "_LOOK_INTERVAL", 0.2)
    with announcing(harness, own, receiver.url):
        job = running(harness, failed=20)
        eventually(lambda: bool(receiver.got), what="the message")
        # Of one that is over by the time it would be sent, nothing is told.
        WebhookQueue(harness.ledger.connection.redis).add(job.id, Event.NO_WORKER, ["none"])
        eventually(lambda: harness.ledger.connection.redis.hlen(keys.WEBHOOKS) == 0, what="an empty queue")
    assert len([1 for _, _, body in receiver.got if b"job.failing" in body]) == 1
    assert not any(b"no_worker" in body for _, _, body in receiver.got)
