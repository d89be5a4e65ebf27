"""Tells people and programs that a job has ended, or is in trouble: a thread of the dispatcher, so that a slow receiver
delays nothing."""

from __future__ import annotations

import time

import structlog

from shared.core.errors import NotFound
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.notices import Event, Notices, holds
from shared.jobs.webhook_news import news_of, trouble_of
from shared.jobs.webhook_queue import Pending, WebhookQueue
from shared.jobs.webhook_sending import all_targets, send
from worker.dispatcher.rounds import Rounds

_log = structlog.get_logger(__name__)
_POLL_INTERVAL = 2.0
#: Seconds between two looks at the jobs that are under way.
_LOOK_INTERVAL = 10.0


class Announcer(Rounds):
    """At least once: a message that was sent while the dispatcher died may be sent again."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        super().__init__("announcer", "webhooks_delayed", _POLL_INTERVAL)
        self._settings = settings
        self._ledger = ledger
        self._targets = {target.digest: target for target in all_targets(settings)}
        self._queue = WebhookQueue(ledger.connection.redis)
        self._notices = Notices(settings, ledger.connection.redis)
        self._looked = -_LOOK_INTERVAL

    def run(self) -> None:
        if self._targets:
            super().run()

    def round(self) -> None:
        self._queue.collect(list(self._targets))
        self._look()
        for row in self._queue.due():
            if self.stopping.is_set():
                return
            self._tell(row)

    def _look(self) -> None:
        if time.monotonic() - self._looked < _LOOK_INTERVAL:
            return
        self._looked = time.monotonic()
        for job, event in self._notices.look(self._ledger.active()):
            self._queue.add(job, event, list(self._targets))

    def _tell(self, row: Pending) -> None:
        try:
            job = self._ledger.find(row.id)
        except NotFound:
            # Deleted meanwhile.
            self._queue.settle(row, [])
            return
        event = Event(row.event) if row.event in tuple(Event) else None
        # Begun again; its next end is told. Of trouble only what still is.
        if (row.event and (event is None or not holds(event, job, self._settings))) or not (row.event or job.ended):
            self._queue.settle(row, [])
            return
        if event is None:
            told = news_of(self._settings, self._ledger, job)
        else:
            told = trouble_of(self._settings, self._ledger, job, event)
        left = []
        for digest in row.targets:
            target = self._targets.get(digest)
            if target is None:
                continue
            if (reason := send(target, told)) is not None:
                left.append(digest)
                _log.warning("webhook_failed", job=job.id, kind=target.kind, host=target.host, reason=reason)
        if not self._queue.settle(row, left):
            _log.error("webhook_given_up", job=job.id, targets=len(left))
