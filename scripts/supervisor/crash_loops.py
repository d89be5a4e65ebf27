"""Workers that end again and again: said in the ledger in their stead, for pages, API and `weft doctor`."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from scripts.supervisor.supervisor import ManagedProcess
from shared.core.log_tail import last_line
from shared.core.settings import Settings
from shared.jobs.heartbeat import Heartbeat, HeartbeatError, WorkerState
from shared.jobs.ledger import Ledger

#: Ends in a row, each soon after its start, that make a loop.
LOOP = 3


def report(ledger: Ledger, settings: Settings, workers: Sequence[ManagedProcess], alive: Sequence[int]) -> None:
    """Writes a heartbeat for each worker in a crash loop; it is valid until the next look. Raises Unavailable.

    `alive`: process ids of the workers that report that they work.
    """
    for managed in workers:
        working = managed.process is not None and managed.process.pid in alive
        if managed.crashes < LOOP or working:
            continue
        error = HeartbeatError(
            code="worker_crashes", detail={"times": managed.crashes, "line": last_line(managed.service.log)}
        )
        beat = Heartbeat(
            id=f"{socket.gethostname()}-{managed.name}",
            host=socket.gethostname(),
            # Not that of a process: its own heartbeat, once it comes, is another.
            pid=0,
            state=WorkerState.ERROR,
            model=settings.model,
            engine=settings.engine,
            error=error,
        )
        ledger.record_heartbeat(beat.id, beat.to_json())
