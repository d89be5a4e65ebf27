"""Measures what is kept: a thread of the dispatcher, so that millions of files delay nothing."""

from __future__ import annotations

import threading

import structlog

from shared.core.errors import WeftError
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance import disk_use
from shared.storage import Storage

_log = structlog.get_logger(__name__)
#: Seconds between two measurements.
MEASURE_INTERVAL = 600.0


class Keeper(threading.Thread):
    def __init__(self, settings: Settings, ledger: Ledger, storage: Storage) -> None:
        super().__init__(name="keeper", daemon=True)
        self._settings = settings
        self._ledger = ledger
        self._storage = storage
        self._stopping = threading.Event()

    def run(self) -> None:
        while True:
            try:
                disk_use.record(self._ledger.connection, disk_use.measure(self._settings, self._storage))
            except WeftError as error:
                _log.warning("keeping_delayed", code=error.code)
            except Exception:
                _log.exception("keeper_failed")
            if self._stopping.wait(MEASURE_INTERVAL):
                return

    def end(self) -> None:
        self._stopping.set()
