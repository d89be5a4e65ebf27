"""Following a job from the command line: a bar on a terminal, one summary at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console
from rich.table import Table

from scripts.cli import output
from scripts.cli.lines import Lines
from shared.core.errors import Unavailable
from shared.core.i18n import LazyText as _l
from shared.core.i18n import gettext as _
from shared.core.messages import sentence
from shared.core.settings import Settings
from shared.jobs.model import Job, JobState
from shared.jobs.notes import late_sentence, left_out_sentence, note_sentence
from shared.jobs.shown import shown_job

if TYPE_CHECKING:
    from shared.bank.store import BankStore
    from shared.jobs.ledger import Ledger

#: Seconds between two looks.
POLL_INTERVAL = 0.5
#: Seconds that Redis may be away while a job is followed: an update and a restart, a lost network.
RECONNECT_TIMEOUT = 900.0
COLUMNS = ("id", "name", "state", "done", "total", "failed", "per s", "left", "created")
#: Seconds left from which on the time of the end is told.
_CLOCK_SECONDS = 180.0
#: What a job waits for → its state in a table.
WAITING = {
    "worker": _l("waiting for a worker"),
    "model": _l("waiting for a model"),
    "folder": _l("waiting for a folder"),
    "bank": _l("waiting for the bank"),
    "index": _l("waiting for the bank server"),
    "storage": _l("waiting for the storage"),
    "trouble": _l("waiting: workers have a problem"),
}


def follow(settings: Settings, job_id: str, lines: Lines | None = None) -> Job:
    """Wait until the job has ended; a server that stops or restarts meanwhile is awaited, and that is told.

    Raises NotFound, and Unavailable when Redis is away at once, or stays away for `RECONNECT_TIMEOUT`. Ctrl-C ends only
    the waiting, and that is told, too.
    """
    try:
        return _followed(settings, job_id, lines or Lines())
    except KeyboardInterrupt:
        output.note(sentence("watch_interrupted", job=job_id))
        raise


def _followed(settings: Settings, job_id: str, lines: Lines) -> Job:
    # A machine that follows jobs of a server elsewhere has only the words of this module, not Redis.
    from shared.jobs.ledger import Ledger

    # At the start, a server that is not there is a mistake and no interruption.
    ledger: Ledger | None = Ledger.connect(settings)
    lost_at: float | None = None
    with output.progress("…") as show:
        while True:
            try:
                ledger = ledger or Ledger.connect(settings)
                job = ledger.find(job_id)
            except Unavailable as error:
                # Its address may be another one when it is back.
                ledger = None
                if lost_at is None:
                    lost_at = time.monotonic()
                    output.note(sentence("watch_lost", minutes=round(RECONNECT_TIMEOUT / 60)))
                    lines.tell("lost", error={"code": error.code, "message": str(error)})
                if time.monotonic() - lost_at > RECONNECT_TIMEOUT:
                    raise
            else:
                if lost_at is not None:
                    lost_at = None
                    output.note(sentence("watch_back"))
                    lines.tell("back", job=shown_job(job))
                show(job.done, job.total if job.listed else None, caption(job))
                lines.moved("progress", (job.state, job.done, job.total, job.waiting_for), job=shown_job(job))
                if job.ended:
                    return job
            time.sleep(POLL_INTERVAL)


def watch(ctx: click.Context, settings: Settings, banks: BankStore, job_id: str, lines: bool = False) -> NoReturn:
    """Follow a job to its end, print how it went, and end with the exit code that says so (`outcome`)."""
    from shared.bank.class_names import class_names
    from shared.jobs.projection import caught_up

    told = Lines.chosen(ctx, lines)
    job = follow(settings, job_id, told)
    ledger = _connected(settings)
    with caught_up(settings, ledger, job.id, class_names(banks, job.bank)) as projection:
        summary = projection.summary()
    end(ctx, told, job, {**shown_job(job), "summary": summary})


def end(ctx: click.Context, told: Lines, job: Job, answer: dict[str, Any], missed: bool = False) -> NoReturn:
    """Print how a job went, `answer` with its `summary` for programs, and end with its exit code; `missed`: photos are
    not in it that should be."""
    summary = answer["summary"]

    def human(console: Console) -> None:
        console.print(f"{job.name} ({job.id}): {job.state.value}")
        console.print(_counts(job))
        if left_out := left_out_sentence(job.left_out):
            console.print(left_out)
        for label, count in list(summary["labels"].items())[:10]:
            console.print(f"  {count:>7}  {label}")
        for code, count in summary["failures"].items():
            console.print(f"  {count:>7}  " + _("failed: %(reason)s", reason=sentence(code)))

    code = outcome(job)
    if missed and code == output.OK:
        code = output.PARTLY
    if told.on:
        told.tell("ended", exit=code, job=answer)
    else:
        output.emit(ctx, answer, human)
    ctx.exit(code)


def outcome(job: Job) -> int:
    """0: every photo has a result. 3: some failed. 1: it was cancelled, or no photo at all has a result."""
    if job.state is JobState.CANCELLED or (job.failed and not job.ok):
        return output.FAILED
    return output.PARTLY if job.failed else output.OK


def _connected(settings: Settings) -> Ledger:
    """The ledger, which may have gone between the job's end and the summary."""
    from shared.jobs.ledger import Ledger

    end = time.monotonic() + RECONNECT_TIMEOUT
    while True:
        try:
            return Ledger.connect(settings)
        except Unavailable:
            if time.monotonic() > end:
                raise
        time.sleep(POLL_INTERVAL)


def state(job: Job) -> str:
    """The job's state; one that cannot move does not read as if it did."""
    if opens := job.opens_at:
        return _("waits until %(time)s", time=output.clock(opens))
    return str(WAITING[job.waiting_for]) if job.waiting_for else job.state.value


def caption(job: Job, note: str | None = None) -> str:
    """Beside the bar: the state, the rate, the time left, and why nothing moves (`note`, where that is a sentence)."""
    rate = f" {job.rate:.1f}/s" if job.rate else ""
    left = ", " + _left(job) if job.estimate or job.eta else ""
    failed = ", " + _("%(count)s failed", count=job.failed) if job.failed else ""
    told = note_sentence(job) if note is None else note
    late = f" · {late_sentence(job)}" if job.late else ""
    return f"{state(job)}{rate}{left}{failed}" + (f": {told}" if told else "") + late


def _left(job: Job) -> str:
    """How long it still takes, and from some minutes on, when it ends."""
    found = job.estimate
    if not found:
        return _("%(time)s left", time=output.span(job.eta))
    left = found.done_at - time.time()
    if left < _CLOCK_SECONDS:
        return _("%(time)s left", time=output.span(max(0.0, left)))
    end, first, last = (output.clock(at) for at in (found.done_at, found.earliest, found.latest))
    return _("done %(end)s (%(first)s–%(last)s)", end=end, first=first, last=last)


def job_table(found: Sequence[Job]) -> Table | str:
    """Jobs as a table for people."""
    collections = any(job.collection for job in found)
    rows = [
        (
            *(
                job.id,
                job.name,
                state(job) + (", " + _("late") if job.late and not job.ended else ""),
                job.done,
                job.total if job.listed else f"{job.total}+",
                job.failed,
            ),
            *((job.collection or "",) if collections else ()),
            *(f"{job.rate:.1f}" if job.rate else "", output.span(job.eta), output.when(job.created)),
        )
        for job in found
    ]
    columns = (*COLUMNS[:6], *(("collection",) if collections else ()), *COLUMNS[6:])
    numbers = frozenset({"done", "total", "failed", "per s", "left"})
    return output.table(columns, rows, numbers) if rows else "No jobs yet: weft submit FOLDER"


def _counts(job: Job) -> str:
    counts: dict[str, Any] = {"ok": job.ok, "total": job.total, "failed": job.failed, "cached": job.cached}
    text = _("%(ok)s of %(total)s classified, %(failed)s failed, %(cached)s from cache", **counts)
    if job.finished and job.started:
        text += ", " + _("in %(time)s", time=output.span(job.finished - job.started))
    return text
