"""Keeps projections up to date for pages and exports, and releases jobs whose retention has expired."""

from __future__ import annotations

import time
from contextlib import closing

import structlog

from shared.core.errors import NotFound, Unavailable
from shared.core.settings import Settings
from shared.jobs import archive
from shared.jobs.ledger import Ledger, removal
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.projection import open_projection
from worker.dispatcher.rounds import Rounds

_log = structlog.get_logger(__name__)
_POLL_INTERVAL = 0.5
#: Seconds between two rounds of releases at most.
_RELEASE_INTERVAL = 60.0
#: Seconds until a job whose projection could not be written is tried again.
_RETRY_DELAY = 15.0


class Projector(Rounds):
    """One job's trouble never keeps the others waiting: it is logged, said on the job, and tried again later."""

    def __init__(self, settings: Settings, ledger: Ledger, dispatcher_ledger: DispatcherLedger) -> None:
        super().__init__("projector", "projection_delayed", _POLL_INTERVAL)
        self._settings = settings
        self._ledger = ledger
        self._dispatcher_ledger = dispatcher_ledger
        self._not_before: dict[str, float] = {}
        self._reconciled = False
        self._released = 0.0

    def end(self) -> None:
        super().end()
        self.join(5)

    def round(self) -> None:
        if not self._reconciled:
            self._dispatcher_ledger.adopt_ended_jobs()
            archive.reconcile(self._settings, self._ledger)
            self._reconciled = True
        now = time.monotonic()
        self._not_before = {k: v for k, v in self._not_before.items() if v > now}
        for job_id in removal.unprojected(self._ledger.connection):
            if self.stopping.is_set():
                return
            if job_id not in self._not_before:
                self._guarded(job_id)
        keep = self._settings.keep_days * 86400
        if now - self._released >= min(_RELEASE_INTERVAL, keep):
            self._released = now
            self._dispatcher_ledger.adopt_ended_jobs()
            archive.release_due(self._settings, self._ledger, keep)
            archive.trim_due(self._settings, self._ledger)
            archive.release_for_room(self._settings, self._ledger)

    def _guarded(self, job_id: str) -> None:
        try:
            self._project(job_id)
        except Unavailable:
            raise
        except Exception as error:
            _log.error("projection_failed", job=job_id, error=repr(error))
            self._not_before[job_id] = time.monotonic() + _RETRY_DELAY
            self._dispatcher_ledger.note(job_id, "projection_failed")

    def _project(self, job_id: str) -> None:
        try:
            job = self._ledger.job(job_id)
        except NotFound:
            removal.settle(self._ledger.connection, job_id, 0, "")
            return
        with closing(open_projection(self._settings, job_id)) as projection:
            if job.ended:
                archive.complete(self._ledger, projection, job)
            else:
                projection.catch_up(self._ledger)
            entries = projection.folded()
        removal.settle(self._ledger.connection, job_id, entries, job.state.value)
        if job.note == "projection_failed":
            self._dispatcher_ledger.note(job_id, None)
