"""`weft dispatcher`: the one small process that hands out work."""

from __future__ import annotations

import click

from scripts.cli import output


@click.command()
@click.pass_context
def command(ctx: click.Context) -> None:
    """List folders, admit chunks, expire leases, write results and start scheduled jobs.

    Only one runs at a time; a second one waits for the leader lock.
    """
    from worker.dispatcher import run

    run(output.state(ctx).settings)
