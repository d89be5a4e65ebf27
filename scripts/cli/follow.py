"""Following a job from the command line: a bar on a terminal, one summary at the end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, NoReturn

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
from shared.jobs.notes import late_sentence, left_out_sentence, note_sentence
from shared.jobs.projection import caught_up
from shared.jobs.shown import shown_job

#: Seconds between two looks.
POLL_INTERVAL = 0.5
#: Seconds that Redis may be away while a job is followed: an update and a restart, a lost network.
RECONNECT_TIMEOUT = 900.0
#: Seconds between two lines of progress for programs.
LINE_INTERVAL = 1.0
#: Seconds left from which on the time of the end is told.
_CLOCK_SECONDS = 180.0
#: What a job waits for → its state in a table.
WAITING = {
    "worker": _l("waiting for a worker"),
    "model": _l("waiting for a model"),
    "folder": _l("waiting for a folder"),
    "bank": _l("waiting for the bank"),
    "storage": _l("waiting for the storage"),
    "trouble": _l("waiting: workers have a problem"),
}


@dataclass
class Lines:
    """One JSON document per line, as something happens: for programs that follow a job."""

    on: bool = False
    _last: tuple[Any, ...] = ()
    _at: float = 0.0

    def tell(self, event: str, **said: Any) -> None:
        """`event`: `progress`, `lost`, `back` or `ended`."""
        if self.on:
            click.echo(json.dumps({"event": event, "at": round(time.time(), 3), **said}, ensure_ascii=False))

    def progress(self, job: Job) -> None:
        """Only where it moved, and once a second at most."""
        moved = (job.state, job.done, job.total, job.waiting_for, job.late)
        if self.on and moved != self._last and time.monotonic() - self._at >= LINE_INTERVAL:
            self._last, self._at = moved, time.monotonic()
            self.tell("progress", job=shown_job(job))


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
                show(job.done, job.total if job.listed else None, _caption(job))
                lines.progress(job)
                if job.ended:
                    return job
            time.sleep(POLL_INTERVAL)


def watch(ctx: click.Context, settings: Settings, banks: BankStore, job_id: str, lines: bool = False) -> NoReturn:
    """Follow a job to its end, print how it went, and end with the exit code that says so (`outcome`)."""
    if lines and output.state(ctx).json:
        raise click.UsageError("--json prints one document, --lines prints many: choose one")
    told = Lines(lines)
    job = follow(settings, job_id, told)
    ledger = _connected(settings)
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

    answer, code = {**shown_job(job), "summary": summary}, outcome(job)
    if lines:
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


def _caption(job: Job) -> str:
    rate = f" {job.rate:.1f}/s" if job.rate else ""
    left = ", " + _left(job) if job.estimate or job.eta else ""
    failed = ", " + _("%(count)s failed", count=job.failed) if job.failed else ""
    note = f": {note_sentence(job)}" if job.note else ""
    late = f" · {late_sentence(job)}" if job.late else ""
    return f"{state(job)}{rate}{left}{failed}{note}{late}"


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


def _counts(job: Job) -> str:
    counts: dict[str, Any] = {"ok": job.ok, "total": job.total, "failed": job.failed, "cached": job.cached}
    text = _("%(ok)s of %(total)s classified, %(failed)s failed, %(cached)s from cache", **counts)
    if job.finished and job.started:
        text += ", " + _("in %(time)s", time=output.span(job.finished - job.started))
    return text
