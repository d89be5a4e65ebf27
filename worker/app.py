"""Celery's side of a worker: the one task, and the signals that start and end the child.

The parent imports no engine and starts no thread of ours before it forks: torch used before a fork hangs the child.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from celery import Celery, signals

from shared.process import die_with_parent
from shared.queue import TASK, make_celery
from shared.settings import Settings
from shared.telemetry import configure
from shared.types import Lane
from worker.drain import Drain

if TYPE_CHECKING:
    from worker.child import Child

_log = structlog.get_logger(__name__)


def build(settings: Settings, lanes: Sequence[Lane]) -> Celery:
    """The application of this worker process."""
    configure(settings, "worker")
    app = make_celery(settings)
    drain = Drain()
    worker_id = f"{socket.gethostname()}-{os.getpid()}"
    #: Set in the child only.
    held: list[Child] = []

    @app.task(name=TASK)
    def work() -> None:
        held[0].work()

    @signals.worker_process_init.connect(weak=False)
    def begin(**_: Any) -> None:
        die_with_parent(os.getppid())
        from worker.child import Child

        held.append(Child(settings, worker_id, lanes, drain))
        # In a thread: Celery gives a new child four seconds to say that it is alive.
        held[0].start()

    @signals.worker_process_shutdown.connect(weak=False)
    def end(**_: Any) -> None:
        if held:
            held[0].close()

    @signals.worker_shutting_down.connect(weak=False)
    def shutting_down(**_: Any) -> None:
        _log.info("draining")
        drain.begin()

    return app
