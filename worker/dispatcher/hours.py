"""Lets jobs work inside their windows only: outside they wait, apart from what people have paused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.core.window import opens
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.dispatcher_ledger import DispatcherLedger
from shared.jobs.model import Job
from worker.dispatcher.obstacles import CODES


def keep(
    ledger: Ledger,
    steps: DispatcherLedger,
    jobs: Sequence[Job],
    now: float,
    guarded: Callable[[Job, Callable[[Job], object]], None],
) -> set[str]:
    """Opens and closes the windows of these jobs, as they are at `now` (seconds since the epoch).

    `guarded`: does a step for one job, whose failure concerns no other. Returns the jobs that were closed now: what was
    read of them is out of date. Chunks that workers hold are finished. Raises Unavailable.
    """
    is_open: dict[str, bool] = {}
    closed = set()

    def close(job: Job) -> None:
        ledger.close(job.id)
        steps.withdraw(job)
        if job.note in CODES:
            # Why nobody works on it is no matter until it opens.
            steps.explain(job, None)

    for job in jobs:
        if job.hours is None:
            if job.rule.opens_itself:
                # Its window was taken away.
                guarded(job, lambda job: ledger.open(job.id))
            continue
        text = str(job.hours)
        if text not in is_open:
            is_open[text] = opens(job.hours, now) is None
        if is_open[text]:
            if job.rule.opens_itself or job.anyway:
                guarded(job, lambda job: ledger.open(job.id))
        elif job.rule.claimable and not job.anyway:
            closed.add(job.id)
            guarded(job, close)
    return closed
