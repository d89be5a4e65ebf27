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
from shared.core.i18n import LazyText as _l
from shared.core.i18n import gettext as _
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, JobState
from shared.jobs.notes import left_out_sentence, note_sentence
from shared.jobs.projection import caught_up
from shared.jobs.shown import shown_job

#: Seconds between two looks.
POLL_INTERVAL = 0.5
#: Seconds that Redis may be away while a job is followed.
RECONNECT_TIMEOUT = 60.0
#: What a job waits for → its state in a table.
WAITING = {
    "worker": _l("waiting for a worker"),
    "model": _l("waiting for a model"),
    "folder": _l("waiting for a folder"),
    "bank": _l("waiting for the bank"),
    "storage": _l("waiting for the storage"),
    "trouble": _l("waiting: workers have a problem"),
}


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


def report(ctx: click.Context, settings: Settings, ledger: Ledger, banks: BankStore, job: Job) -> None:
    """Print how an ended job went; exit code 1 where a photo failed or the job was cancelled."""
    with caught_up(settings, ledger, job.id, class_names(banks, job.bank)) as projection:
        summary = projection.summary()

    def human(console: Console) -> None:
        console.print(f"{job.name} ({job.id}): {job.state.value}")
        console.print(_counts(job))
        if left_out := left_out_sentence(job.left_out):
            console.print(left_out)
        for label, count in list(summary["labels"].items())[:10]:
            console.print(f"  {count:>7}  {label}")
        for code, count in summary["failures"].items():
            console.print(f"  {count:>7}  " + _("failed: %(reason)s", reason=sentence(code)))

    answer = {**shown_job(job), "summary": summary}
    if job.failed or job.state is JobState.CANCELLED:
        output.fail(ctx, answer, human)
    output.emit(ctx, answer, human)


def state(job: Job) -> str:
    """The job's state; one that cannot move does not read as if it did."""
    return str(WAITING[job.waiting_for]) if job.waiting_for else job.state.value


def _caption(job: Job) -> str:
    rate = f" {job.rate:.1f}/s" if job.rate else ""
    left = ", " + _("%(time)s left", time=output.span(job.eta)) if job.eta else ""
    failed = ", " + _("%(count)s failed", count=job.failed) if job.failed else ""
    note = f": {note_sentence(job)}" if job.note else ""
    return f"{state(job)}{rate}{left}{failed}{note}"


def _counts(job: Job) -> str:
    counts: dict[str, Any] = {"ok": job.ok, "total": job.total, "failed": job.failed, "cached": job.cached}
    text = _("%(ok)s of %(total)s classified, %(failed)s failed, %(cached)s from cache", **counts)
    if job.finished and job.started:
        text += ", " + _("in %(time)s", time=output.span(job.finished - job.started))
    return text
