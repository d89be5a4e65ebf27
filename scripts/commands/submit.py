"""`weft submit`: photos, zip files or a folder as a job."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from scripts import following, output, submission
from shared.ledger import Ledger
from shared.names import title
from shared.settings import Settings
from shared.start_time import start_time
from shared.storage import open_storage
from shared.types import PRESETS, Job, Lane


class Moment(click.ParamType[float]):
    """A time of day (the next one), or a date and time; in seconds since the epoch."""

    name = "HH:MM"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse `22:00` or `2026-05-01 22:00`."""
        if not isinstance(value, str):
            return value
        now = datetime.now()
        try:
            at = datetime.combine(now.date(), datetime.strptime(value, "%H:%M").time())
        except ValueError:
            try:
                return datetime.fromisoformat(value).timestamp()
            except (ValueError, OverflowError):
                self.fail(f"{value!r} is neither a time of day like 22:00 nor a date and time", param, ctx)
        return (at if at > now else at + timedelta(days=1)).timestamp()


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--name", default="", help="Name of the job; default: the folder's or the first photo's.")
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), help="Ranking settings; default: standard, precise for folders."
)
@click.option("--at", type=Moment(), help="Start no earlier: 22:00, or a date and time.")
@click.option("--watch", is_flag=True, help="Follow the job until it is finished.")
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[Path, ...], name: str, preset: str | None, at: float | None, watch: bool
) -> None:
    """Submit PATHS (photos, zip files, folders) as one job and print it.

    One folder below WEFT_FOLDER_ROOTS (default: DATA_DIR/photos) is submitted by reference: nothing is copied, and the
    photos must stay where they are until the job is finished. Everything else is copied into Weft's storage first.
    """
    at = start_time(at)
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    if len(paths) == 1 and paths[0].is_dir() and submission.readable_by_workers(paths[0], settings):
        folder = paths[0].resolve()
        spec = submission.spec(
            settings,
            kind="folder",
            name=title(name) or title(folder.name) or "folder",
            preset=preset,
            lane=Lane.BULK,
            path=folder,
            not_before=at,
        )
        job = ledger.submit_folder(spec)
    else:
        job = _upload(settings, ledger, paths, name, preset, at)
    if watch:
        following.report(ctx, settings, ledger, following.follow(ledger, job.id))
    else:
        output.emit(ctx, following.document(job), f"{job.id}  {job.name}: {job.state.value}")


def _upload(
    settings: Settings, ledger: Ledger, paths: tuple[Path, ...], name: str, preset: str | None, at: float | None
) -> Job:
    found = submission.photos_in(paths)
    wanted = title(name or (paths[0].resolve().name if len(paths) == 1 else f"{found[0][0]} +{len(found) - 1}"))
    # Before anything is copied: without a bank there is nothing to submit to.
    submission.spec(settings, kind="upload", name=wanted, preset=preset, lane=Lane.BULK)
    with output.progress("Copying", len(found)) as show:
        items = submission.receive(found, open_storage(settings), settings, show)
    lane = Lane.INTERACTIVE if len(items) <= submission.INTERACTIVE_ITEMS else Lane.BULK
    spec = submission.spec(settings, kind="upload", name=wanted, preset=preset, lane=lane, not_before=at)
    return ledger.submit(spec, items)
