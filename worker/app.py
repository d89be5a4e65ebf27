"""Celery's side of a worker: the one task, and the signals that start and end the child.

The parent imports no engine and starts no thread of ours before it forks: torch used before a fork hangs the child.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from celery import Celery, signals

from shared.core.logs import bind_process, configure
from shared.core.process import die_with_parent
from shared.core.settings import Settings
from shared.jobs.model import Lane
from shared.jobs.notifier import TASK, make_celery
from worker.crashes import Crashes
from worker.drain import Drain
from worker.heartbeat import StartingHeartbeat, own_id

if TYPE_CHECKING:
    from worker.child import Child

_log = structlog.get_logger(__name__)


def build(settings: Settings, lanes: Sequence[Lane]) -> Celery:
    """The application of this worker process."""
    configure(settings, "worker")
    app = make_celery(settings)
    drain = Drain()
    worker_id = own_id()
    bind_process(worker=worker_id)
    crashes = Crashes()
    starting = StartingHeartbeat(settings, worker_id, lanes, crashes)
    #: Set in the child only.
    held: list[Child] = []

    @app.task(name=TASK)
    def work() -> None:
        held[0].work()

    @signals.worker_process_init.connect(weak=False)
    def begin(**_: Any) -> None:
        die_with_parent(os.getppid())
        from worker.child import Child

        crashes.child_started()
        held.append(Child(settings, worker_id, lanes, drain, crashes))
        # In a thread: Celery waits for this child's report, and the worker does nothing until it comes.
        held[0].start()

    @signals.worker_process_shutdown.connect(weak=False)
    def end(**_: Any) -> None:
        if held:
            held[0].close()

    @signals.worker_shutting_down.connect(weak=False)
    def shutting_down(**_: Any) -> None:
        _log.info("draining")
        drain.begin()

    @signals.heartbeat_sent.connect(weak=False)
    def beat(**_: Any) -> None:
        # Celery's own, every two seconds, in the parent.
        starting.send()

    @signals.worker_shutdown.connect(weak=False)
    def leave(**_: Any) -> None:
        starting.leave()

    return app
