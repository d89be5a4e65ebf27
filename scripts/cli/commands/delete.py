"""`weft delete`: an ended job, its results and corrections, for good."""

from __future__ import annotations

import click

from scripts.cli import output
from shared.jobs import archive
from shared.jobs.ledger import Ledger


@click.command()
@click.argument("job_id", metavar="ID")
@click.pass_context
def command(ctx: click.Context, job_id: str) -> None:
    """Delete the ended job ID permanently, including results and corrections. `weft gc` then frees its uploads."""
    settings = output.state(ctx).settings
    archive.delete(settings, Ledger.connect(settings), job_id)
    output.record(ctx, "job_deleted", job_id)
    output.emit(ctx, {"deleted": job_id}, f"{job_id}: deleted")
