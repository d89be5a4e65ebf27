"""`weft similar`: the archive, or the bank server, in which photos of all jobs are found."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from scripts.cli import output
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger

_files = click.option(
    "--files", is_flag=True, help="The archive in files, although WEFT_INDEX_URL names a bank server."
)


@click.group()
def command() -> None:
    """Look after the archive in which similar photos of all jobs are found: on the bank server, where one is set."""


@command.command()
@_files
@click.pass_context
def rebuild(ctx: click.Context, files: bool) -> None:
    """Make the archive again from the results of all ended jobs, and of no others."""
    _rebuilt(ctx, files, again=True)


@command.command()
@_files
@click.pass_context
def fill(ctx: click.Context, files: bool) -> None:
    """Add ended jobs that are not in the archive yet, so that no search has to: for a timer, after the night's jobs."""
    _rebuilt(ctx, files, again=False)


def _rebuilt(ctx: click.Context, files: bool, again: bool) -> None:
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    begun = time.monotonic()
    rebuilt = _in_files if files or settings.index_url is None else _on_server
    added, photos = rebuilt(settings, ledger, again)
    document = {"jobs": added, "photos": photos, "seconds": round(time.monotonic() - begun, 2)}
    output.emit(ctx, document, f"{photos} photos of {added} jobs were added.")


def _in_files(settings: Settings, ledger: Ledger, again: bool) -> tuple[int, int]:
    from shared.similar.archives import rebuild as rebuilt
    from shared.similar.sources import ALL_JOBS

    jobs = ledger.listed(limit=ALL_JOBS)
    with output.progress("Reading results", len(jobs)) as bar:
        counted = _counted(bar, len(jobs))
        return rebuilt(settings, jobs, lambda job: counted(job.id), again)


def _on_server(settings: Settings, ledger: Ledger, again: bool) -> tuple[int, int]:
    from shared.similar.photo_filling import rebuild as rebuilt
    from shared.similar.photo_tables import photo_server
    from shared.similar.sources import sources

    server, jobs = photo_server(settings), sources(ledger)
    assert server is not None
    with output.progress("Reading results", len(jobs)) as bar:
        return rebuilt(server, settings, jobs, _counted(bar, len(jobs)), again)


def _counted(bar: Callable[[int, int], None], total: int) -> Callable[[str], None]:
    done: set[str] = set()

    def show(job: str) -> None:
        done.add(job)
        bar(len(done), total)

    return show
