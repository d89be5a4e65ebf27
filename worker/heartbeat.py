"""What a worker reports of itself while its engine's process does not report yet: sent by Celery's parent process, so
that a slow start is seen as one, and not as a worker that is missing."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from shared.core.errors import WeftError
from shared.core.redis_client import client
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.heartbeat import Heartbeat, HeartbeatError, WorkerState
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.connection import Connection
from shared.jobs.model import Lane
from worker.crashes import Crashes

#: Seconds that the first heartbeat is valid: Celery is imported meanwhile, and nothing can report.
IMPORT_SECONDS = 60.0
#: Seconds that the parent waits for Redis: Celery's own loop waits with it.
TIMEOUT_SECONDS = 1.0


def own_id() -> str:
    """The worker's name in the ledger, in its parent process."""
    return f"{socket.gethostname()}-{os.getpid()}"


class StartingHeartbeat:
    """Reports `starting` for a worker whose child process is silent."""

    def __init__(
        self, settings: Settings, worker_id: str, lanes: Sequence[Lane], crashes: Crashes | None = None
    ) -> None:
        self._settings = settings
        self._id = worker_id
        self._lanes = lanes
        self._crashes = crashes
        self._ledger: Ledger | None = None

    def send(self, seconds: float | None = None) -> None:
        """Does nothing while the child's own heartbeat is valid, or Redis is away.

        `seconds`: how long it is valid, where the usual time is too short.
        """
        try:
            ledger = self._ledger = self._ledger or self._connect()
            last = ledger.worker(self._id)
            ours = last is None or last.get("state") == WorkerState.STARTING
            if ours or ((last or {}).get("error") or {}).get("code") == "worker_crashes":
                ledger.record_heartbeat(self._id, self._report().to_json(), *(() if seconds is None else (seconds,)))
        except WeftError:
            self._ledger = None

    def leave(self) -> None:
        """The worker ends, perhaps before its child could say so."""
        try:
            (self._ledger or self._connect()).deregister_worker(self._id)
        except WeftError:
            self._ledger = None

    def _connect(self) -> Ledger:
        connected = client(
            addresses(self._settings).ledger,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )
        return Ledger(Connection(connected))

    def _report(self) -> Heartbeat:
        error = self._crashes.error() if self._crashes else None
        return Heartbeat(
            id=self._id,
            host=socket.gethostname(),
            pid=os.getpid(),
            state=WorkerState.ERROR if error else WorkerState.STARTING,
            lanes=[lane.value for lane in self._lanes],
            device=None,
            model=self._settings.model,
            trained=None,
            engine=self._settings.engine,
            precision=None,
            identity=None,
            bank=None,
            ready_since=None,
            rate=None,
            photos=0,
            error=HeartbeatError(code=error.code, detail=error.detail) if error else None,
        )
