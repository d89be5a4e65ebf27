"""`weft export`: a job's results as a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scripts.cli import output
from scripts.cli.job_options import filter_options
from shared.bank.class_names import UnknownClass, class_names
from shared.bank.store import BankStore
from shared.core.messages import sentence
from shared.jobs import export
from shared.jobs.ledger import Ledger
from shared.jobs.projection import caught_up
from shared.jobs.result_filters import Filters


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--format", "kind", type=click.Choice(list(export.FORMATS)), default="csv", show_default=True)
@click.option(
    "-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="Output file; default: stdout."
)
@filter_options
@click.option("--pictures", is_flag=True, help="XLSX only: show the first 2,000 photos.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    job_id: str,
    kind: str,
    target: Path | None,
    label: str | None,
    sort: str,
    pictures: bool,
    **wish: Any,
) -> None:
    """Export the results of the job ID, including reviews; works while the job is running."""
    output.require_target(ctx, target)
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    job = ledger.find(job_id)
    banks = BankStore(settings)
    names = class_names(banks, job.bank)
    picture = banks.storage.thumb if pictures else None
    with caught_up(settings, ledger, job.id, names) as projection:
        # Nothing would match a class that is neither in the bank nor made by a correction.
        if label is not None and projection.reviews.meaning(label) is None:
            raise UnknownClass(label, names.near(label))
        filters = Filters(label=label, **wish)
        count = projection.count(filters)
        pieces = export.stream(
            job,
            projection,
            kind,
            filters=filters,
            sort=sort,
            facts=export.bank_facts(banks, job),
            picture=picture,
            public_url=settings.public_url,
        )
        if export.is_partial(job):
            output.note(sentence("export_is_partial", done=job.done, total=job.total, state=job.state.value))
        size = output.deliver(pieces, target)
    if size is None:
        return
    chosen = {name: value for name, value in asdict(filters).items() if value is not None}
    done = {"job": job.id, "format": kind, "file": str(target), "items": count, "bytes": size}
    done |= {"filters": chosen, "partial": export.is_partial(job)}
    output.emit(ctx, done, f"{count} results in {target}")
