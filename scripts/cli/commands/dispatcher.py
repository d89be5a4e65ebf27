"""`weft dispatcher`: the one small process that hands out work."""

from __future__ import annotations

import click

from scripts.cli import output


@click.command()
@click.pass_context
def command(ctx: click.Context) -> None:
    """List folders, admit chunks, sweep leases, project results and keep schedules.

    A second one waits until the first is gone.
    """
    from worker.dispatcher import run

    run(output.state(ctx).settings)
