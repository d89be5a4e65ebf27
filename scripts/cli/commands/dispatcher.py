"""`weft dispatcher`: the one small process that hands out work."""

from __future__ import annotations

import click

from scripts.cli import output
from shared.jobs.ledger import Ledger


@click.command()
@click.option("--check", is_flag=True, help="Health check: exit code 0 if a dispatcher is at work.")
@click.pass_context
def command(ctx: click.Context, check: bool) -> int | None:
    """List folders, admit chunks, expire leases, write results and start scheduled jobs.

    Only one runs at a time; a second one waits for the leader lock.
    """
    settings = output.state(ctx).settings
    if check:
        return output.OK if Ledger.connect(settings, fail_fast=True).has_dispatcher() else output.FAILED
    from worker.dispatcher import run

    run(settings)
    return None
