"""`weft jobs` and `weft watch`: what runs, what ran, and how far it is."""

from __future__ import annotations

import click

from scripts.cli import follow, output
from scripts.cli.job_options import list_options
from shared.bank.store import BankStore
from shared.jobs.job_search import JobFilter
from shared.jobs.ledger import Ledger
from shared.jobs.shown import shown_job


@click.command()
@list_options
@click.pass_context
def jobs(ctx: click.Context, limit: int, owner: str | None, search: str, archived: bool | None) -> None:
    """List jobs, newest first."""
    wanted = JobFilter(owner, search, archived)
    found = Ledger.connect(output.state(ctx).settings).listed(limit, wanted=wanted)
    document = {"jobs": [shown_job(job) for job in found]}
    output.emit(ctx, document, lambda console: console.print(follow.job_table(found)))


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--lines", is_flag=True, help="Print one JSON object per line as the job moves, the outcome last.")
@click.pass_context
def watch(ctx: click.Context, job_id: str, lines: bool) -> None:
    """Follow the job ID until it ends; a server that is away for some minutes is awaited.

    Exit code 0 if every photo has a result, 3 if some failed, 1 if all failed, the job was cancelled, or the server
    stayed away.
    """
    settings = output.state(ctx).settings
    follow.watch(ctx, settings, BankStore(settings), job_id, lines)
