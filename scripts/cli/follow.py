"""Following a job from the command line: a bar on a terminal, one summary at the end."""

from __future__ import annotations

import time
from typing import Any

import click
from rich.console import Console

from scripts.cli import output
from shared.bank.class_names import class_names
from shared.bank.store import BankStore
from shared.core.errors import Unavailable
from shared.core.messages import sentence
from shared.core.names import readable
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, JobState
from shared.jobs.notes import note_sentence
from shared.jobs.projection import caught_up

#: Seconds between two looks.
POLL_INTERVAL = 0.5
#: Seconds that Redis may be away while a job is followed.
RECONNECT_TIMEOUT = 60.0


def follow(ledger: Ledger, job_id: str) -> Job:
    """Wait until the job has ended. Raises NotFound, and Unavailable when Redis stays away for a minute."""
    lost_at: float | None = None
    with output.progress("…") as show:
        while True:
            try:
                job = ledger.find(job_id)
                lost_at = None
            except Unavailable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > RECONNECT_TIMEOUT:
                    raise
            else:
                show(job.done, job.total if job.listed else None, _caption(job))
                if job.ended:
                    return job
            time.sleep(POLL_INTERVAL)


def report(ctx: click.Context, settings: Settings, ledger: Ledger, job: Job) -> None:
    """Print how an ended job went; exit code 1 where a photo failed or the job was cancelled."""
    with caught_up(settings, ledger, job.id, class_names(BankStore(settings), job.bank)) as projection:
        summary = projection.summary()

    def human(console: Console) -> None:
        console.print(f"{job.name} ({job.id}): {job.state.value}")
        console.print(f"{job.ok} of {job.total} classified, {job.failed} failed, {job.cached} from cache{_took(job)}")
        for label, count in list(summary["labels"].items())[:10]:
            console.print(f"  {count:>7}  {label}")
        for code, count in summary["failures"].items():
            console.print(f"  {count:>7}  failed: {sentence(code)}")

    answer = {**document(job), "summary": summary}
    if job.failed or job.state is JobState.CANCELLED:
        output.fail(ctx, answer, human)
    output.emit(ctx, answer, human)


def document(job: Job) -> dict[str, Any]:
    """A job as the API shows it."""
    return {**job.public(), "path": job.path and readable(job.path), "message": note_sentence(job)}


def state(job: Job) -> str:
    """The job's state; one that cannot move does not read as if it did."""
    return f"waiting for a {job.waiting_for}" if job.waiting_for else job.state.value


def _caption(job: Job) -> str:
    rate = f" {job.rate:.1f}/s" if job.rate else ""
    left = f", {output.span(job.eta)} left" if job.eta else ""
    failed = f", {job.failed} failed" if job.failed else ""
    note = f": {note_sentence(job)}" if job.note else ""
    return f"{state(job)}{rate}{left}{failed}{note}"


def _took(job: Job) -> str:
    return f", in {output.span(job.finished - job.started)}" if job.finished and job.started else ""
