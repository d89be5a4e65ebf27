"""`weft similar`: the archive in which photos of all jobs are found."""

from __future__ import annotations

import time

import click

from scripts.cli import output
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job

#: More jobs than an installation has.
_ALL = 1_000_000


@click.group()
def command() -> None:
    """Look after the archive in which similar photos of all jobs are found."""


@command.command()
@click.pass_context
def rebuild(ctx: click.Context) -> None:
    """Make the archive again from the results of all ended jobs, and of no others."""
    _rebuilt(ctx, again=True)


@command.command()
@click.pass_context
def fill(ctx: click.Context) -> None:
    """Add ended jobs that are not in the archive yet, so that no search has to: for a timer, after the night's jobs."""
    _rebuilt(ctx, again=False)


def _rebuilt(ctx: click.Context, again: bool) -> None:
    from shared.similar.archives import rebuild as rebuilt

    settings = output.state(ctx).settings
    jobs = Ledger.connect(settings).listed(limit=_ALL)
    began, done = time.monotonic(), 0
    with output.progress("Reading results", len(jobs)) as bar:

        def show(_: Job) -> None:
            nonlocal done
            done += 1
            bar(done, len(jobs))

        added, photos = rebuilt(settings, jobs, show, again)
    document = {"jobs": added, "photos": photos, "seconds": round(time.monotonic() - began, 2)}
    output.emit(ctx, document, f"{photos} photos of {added} jobs were added.")
