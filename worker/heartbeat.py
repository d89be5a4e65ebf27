"""What a worker reports of itself while its engine's process does not report yet: sent by Celery's parent process, so
that a slow start is seen as one, and not as a worker that is missing."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import redis

from shared.core.errors import WeftError
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.connection import Connection
from shared.jobs.model import Lane

#: Seconds that the first heartbeat is valid: Celery is imported meanwhile, and nothing can report.
IMPORT_SECONDS = 60.0
#: Seconds that the parent waits for Redis: Celery's own loop waits with it.
TIMEOUT_SECONDS = 1.0


def own_id() -> str:
    """The worker's name in the ledger, in its parent process."""
    return f"{socket.gethostname()}-{os.getpid()}"


class StartingHeartbeat:
    """Reports `starting` for a worker whose child process is silent."""

    def __init__(self, settings: Settings, worker_id: str, lanes: Sequence[Lane]) -> None:
        self._settings = settings
        self._id = worker_id
        self._lanes = lanes
        self._ledger: Ledger | None = None

    def send(self, seconds: float | None = None) -> None:
        """Does nothing while the child's own heartbeat is valid, or Redis is away.

        `seconds`: how long it is valid, where the usual time is too short.
        """
        try:
            ledger = self._ledger = self._ledger or self._connect()
            last = ledger.worker(self._id)
            if last is None or last.get("state") == "starting":
                ledger.record_heartbeat(self._id, self._report(), *(() if seconds is None else (seconds,)))
        except WeftError:
            self._ledger = None

    def leave(self) -> None:
        """The worker ends, perhaps before its child could say so."""
        try:
            (self._ledger or self._connect()).deregister_worker(self._id)
        except WeftError:
            self._ledger = None

    def _connect(self) -> Ledger:
        client = redis.Redis.from_url(
            addresses(self._settings).ledger,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )
        return Ledger(Connection(client))

    def _report(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "state": "starting",
            "lanes": [lane.value for lane in self._lanes],
            "model": self._settings.model,
            "engine": self._settings.engine,
            "photos": 0,
            **dict.fromkeys(("device", "trained", "precision", "identity", "bank", "ready_since", "rate", "error")),
        }
