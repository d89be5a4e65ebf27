"""`weft change`, `weft rename`, `weft priority`, `weft archive`, `weft rerun`: what is done with a job as a whole."""

from __future__ import annotations

from typing import Literal

import click

from scripts.cli import follow, moments, output, submission
from scripts.cli.job_options import change_options
from shared.bank.store import BankStore
from shared.core.i18n import gettext as _
from shared.jobs import archive as archiving
from shared.jobs.changes import Kept, change_job
from shared.jobs.intake.idempotency import RequestKey
from shared.jobs.intake.submission import Wish
from shared.jobs.ledger import Ledger
from shared.jobs.model import Priority
from shared.jobs.notes import hours_sentence
from shared.jobs.shown import shown_job


@click.command()
@click.argument("job_id", metavar="ID")
@change_options
@click.pass_context
def change(
    ctx: click.Context,
    job_id: str,
    name: str | None,
    priority: str | None,
    window: str | None,
    zone: str,
    by: float | str | None,
    first: bool | None,
) -> None:
    """Change the job ID: its name, its priority, the hours in which it works, when it should be done.

    Jobs of one priority take turns; one that is moved --first has all of these turns until it is done, beginning as
    soon as a worker is free.
    """
    if name is priority is window is by is first is None:
        raise click.UsageError(_("Say what to change: --name, --priority, --window, --by or --first"))
    settings = output.state(ctx).settings
    due: float | Literal[Kept.KEPT] | None = Kept.KEPT
    if by is not None:
        due = None if by == moments.NONE else moments.due(by, None)
    job = change_job(
        settings,
        Ledger.connect(settings),
        job_id,
        name=name,
        priority=None if priority is None else Priority(priority),
        first=first,
        window=moments.hours(window, zone),
        deadline=due,
    )
    output.record(ctx, "job_changed", job_id)
    told = " · ".join(filter(None, (f"{job.id}  {job.name}: {follow.state(job)}", hours_sentence(job))))
    output.emit(ctx, shown_job(job), told)


@click.command()
@click.argument("job_id", metavar="ID")
@click.argument("name")
@click.pass_context
def rename(ctx: click.Context, job_id: str, name: str) -> None:
    """Rename the job ID."""
    settings = output.state(ctx).settings
    job = archiving.rename(settings, Ledger.connect(settings), job_id, name)
    output.record(ctx, "job_changed", job_id)
    output.emit(ctx, shown_job(job), f"{job.id}  {job.name}")


@click.command()
@click.argument("job_id", metavar="ID")
@click.argument("level", type=click.Choice([priority.value for priority in Priority]))
@click.pass_context
def priority(ctx: click.Context, job_id: str, level: str) -> None:
    """Give the job ID a priority: high jobs get most of the next chunks, low ones what the others leave."""
    job = Ledger.connect(output.state(ctx).settings).prioritise(job_id, Priority(level))
    output.record(ctx, "job_changed", job_id)
    output.emit(ctx, shown_job(job), f"{job.id}  {job.name}: {job.priority.value}")


@click.command()
@click.argument("job_id", metavar="ID")
@click.pass_context
def archive(ctx: click.Context, job_id: str) -> None:
    """Archive the ended job ID now: its results are kept, but it can no longer be retried."""
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    archiving.put_away(settings, ledger, job_id)
    output.record(ctx, "job_archived", job_id)
    output.emit(ctx, shown_job(ledger.find(job_id)), f"{job_id}: archived")


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--preset", type=submission.PresetName(), help="Ranking settings; default: those of the job.")
@click.option("--bank", help="Bank, by ID or name, or a version of one; default: the job's bank.")
@click.option("--name", default="", help="Name of the new job; default: that of the job.")
@click.option("--watch", is_flag=True, help="Follow the new job until it is finished.")
@click.pass_context
def rerun(ctx: click.Context, job_id: str, preset: str | None, bank: str | None, name: str, watch: bool) -> None:
    """Classify the photos of the job ID once more, as a new job; `weft compare` shows what changed."""
    settings = output.state(ctx).settings
    ledger, banks = Ledger.connect(settings), BankStore(settings)
    intake = submission.intake(settings, ledger, banks)
    job = intake.repeat(ledger.find(job_id), Wish(name, preset, bank=bank), RequestKey())
    output.record(ctx, "job_submitted", job.id)
    if watch:
        follow.watch(ctx, settings, banks, job.id)
    else:
        output.emit(ctx, shown_job(job), f"{job.id}  {job.name}: {job.state.value}")
