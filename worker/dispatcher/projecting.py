"""Keeps projections up to date, so that pages and exports find results where they filter and sort them."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import structlog

from shared.errors import WeftError
from shared.ledger import Ledger
from shared.results import open_projection
from shared.settings import Settings

_log = structlog.get_logger(__name__)
_PAUSE = 0.5
#: Finished jobs looked at when the dispatcher starts: their last commits may not be folded in.
_LATEST = 200


class Projector(threading.Thread):
    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        super().__init__(name="projector", daemon=True)
        self._settings = settings
        self._ledger = ledger
        self._over = threading.Event()

    def run(self) -> None:
        due: set[str] | None = None
        while not self._over.wait(_PAUSE):
            try:
                if due is None:
                    due = {job.id for job in self._ledger.jobs(_LATEST) if job.kind != "classify"}
                # A job that ended since is still in `due` for one more round: its last commits.
                active = {job.id for job in self._ledger.active() if job.kind != "classify"}
                for job_id in due | active:
                    self._project(job_id)
                due = active
            except WeftError as error:
                _log.warning("projection_waits", code=error.code)

    def end(self) -> None:
        self._over.set()
        self.join(5)

    def _project(self, job_id: str) -> None:
        try:
            with closing(open_projection(self._settings, job_id)) as projection:
                projection.catch_up(self._ledger)
        except sqlite3.Error as error:
            _log.error("projection_failed", job=job_id, error=str(error))
