"""`weft up`: everything on this machine, with one command."""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from scripts.cli import output


@click.command()
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    help="Number of workers (WEFT_WORKERS); default 1.",
)
@click.option("--host", help="Address to listen on (WEFT_HOST).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (WEFT_PORT).")
@click.option(
    "--demo", is_flag=True, help="If there is no bank, build and activate a small demo bank of rendered fabrics."
)
@click.pass_context
def command(ctx: click.Context, workers: int | None, host: str | None, port: int | None, demo: bool) -> None:
    """Start Redis (unless WEFT_REDIS_URL is set), dispatcher, web and workers, and keep them running.

    Ctrl-C stops all of them; accepted jobs are kept in the data folder and continue at the next start. Logs are in
    DATA_DIR/run. With 0 workers, run `weft worker` yourself.
    """
    from scripts.supervisor.local_stack import LocalStack

    changed = {
        name: value for name, value in (("host", host), ("port", port), ("workers", workers)) if value is not None
    }
    settings = output.state(ctx).settings.model_copy(update=changed)

    def say(name: str, text: str) -> None:
        # Nobody may read on (a closed terminal), or the disk under the log is full: no reason to end.
        with suppress(OSError):
            click.echo(f"{name:<12} {text}", err=True)

    LocalStack(settings, settings.workers, demo, say).run()
    sys.stdout.flush()
