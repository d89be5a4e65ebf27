"""`weft worker`: one Celery worker with one warm engine."""

from __future__ import annotations

import click

from scripts import output
from shared.types import Lane


@click.command()
@click.option("--only", type=click.Choice([lane.value for lane in Lane]), help="Serve one lane, not both.")
@click.pass_context
def command(ctx: click.Context, only: str | None) -> None:
    """Classify photos until it is stopped.

    Another one in another terminal, or on another machine with WEFT_REDIS_URL and shared storage, adds throughput;
    nothing else has to be told. SIGTERM or Ctrl-C lets it finish what it holds.
    """
    from worker.main import main

    main(output.state(ctx).settings, only)
