"""Measures what is kept and removes what no policy wants: a thread of the dispatcher, so that millions of files delay
nothing."""

from __future__ import annotations

import time

import structlog

from shared.core.errors import WeftError
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance import disk_use, retention
from shared.maintenance.retention.plan import DAY, Policies
from shared.storage import Storage
from worker.dispatcher.rounds import Rounds

_log = structlog.get_logger(__name__)
#: Seconds between two measurements, and between two rounds of retention at most.
MEASURE_INTERVAL, RETENTION_INTERVAL = 600.0, 6 * 3600.0
#: It rests for this many times as long as it has worked.
_SHARE = 50.0
#: Seconds until what failed is tried again.
_RETRY = 60.0


class Keeper(Rounds):
    def __init__(self, settings: Settings, ledger: Ledger, storage: Storage) -> None:
        super().__init__("keeper", "keeping_delayed", 0.0)
        self._settings = settings
        self._ledger = ledger
        self._storage = storage
        self._policies = Policies.of(settings)
        # Not long after the shortest of its terms.
        self._interval = max(1.0, min(RETENTION_INTERVAL, retention.smallest_days(self._policies) * DAY))
        self._kept = -float("inf")

    def round(self) -> None:
        began = time.monotonic()
        # After a failure that nobody has foreseen.
        self.pause = MEASURE_INTERVAL
        try:
            self._keep()
        except WeftError as error:
            _log.warning("keeping_delayed", code=error.code, message=str(error))
            self.pause = _RETRY
        else:
            # Where there are very many files, they are looked at less often.
            self.pause = max(min(MEASURE_INTERVAL, self._interval), _SHARE * (time.monotonic() - began))

    def _keep(self) -> None:
        if time.monotonic() - self._kept >= self._interval:
            gone = retention.remove(self._settings, self._ledger, self._storage, self._policies)
            self._kept = time.monotonic()
            for kind, found in gone.items():
                if found.due:
                    _log.info("retention", kind=kind, things=len(found.due), bytes=found.bytes)
        disk_use.record(self._ledger.connection, disk_use.measure(self._settings, self._storage))
