"""`weft export`: a job's results as a file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from scripts import output
from shared import export
from shared.bank.class_names import class_names
from shared.bank.store import BankStore
from shared.ledger import Ledger
from shared.results import caught_up


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--format", "kind", type=click.Choice(list(export.FORMATS)), default="csv", show_default=True)
@click.option(
    "-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="File; default: stdout."
)
@click.pass_context
def command(ctx: click.Context, job_id: str, kind: str, target: Path | None) -> None:
    """Write the results of the job ID, corrections included; also while it runs."""
    if target is None and output.state(ctx).json:
        raise click.UsageError("--json needs -o FILE: the results themselves go to stdout otherwise")
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    job = ledger.job(job_id)
    names = class_names(BankStore(settings), job.bank)
    with caught_up(settings, ledger, job.id, names) as projection:
        pieces = export.stream(job, projection, kind)
        if target is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        # Nobody finds half a file under the name they asked for.
        part = target.with_name(f"{target.name}.part")
        try:
            with part.open("wb") as file:
                size = sum(map(file.write, pieces))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    done = {"job": job.id, "format": kind, "file": str(target), "items": job.done, "bytes": size}
    output.emit(ctx, done, f"{job.done} results in {target}")
