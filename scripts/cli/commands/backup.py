"""`weft backup` and `weft restore`: everything that cannot be made again, as a folder."""

from __future__ import annotations

from pathlib import Path

import click

from scripts.cli import output
from scripts.supervisor.process import single_instance
from scripts.supervisor.snapshot import serving
from shared.maintenance import backup as backups


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def backup(ctx: click.Context, folder: Path) -> None:
    """Back up the ledger, results, uploads and banks to FOLDER; safe while Weft is running, incremental when repeated.

    Includes the Redis of WEFT_REDIS_URL and the object store of WEFT_STORAGE_URL: run it where the results (jobs/) are.
    Not included: models (`weft model pull` downloads them again) and the photos of folder jobs.
    """
    settings = output.state(ctx).settings
    with output.progress("backup") as update:
        count = 0

        def say(what: str) -> None:
            nonlocal count
            count += 1
            update(count, title=what[:60])

        manifest = backups.save(settings, folder, say)
    output.emit(
        ctx,
        {**manifest.to_json(), "folder": str(folder)},
        f"{manifest.jobs} jobs, {manifest.new_files} new files in {folder}",
    )


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--moment",
    metavar="URL",
    help="A Redis that has loaded FOLDER/ledger.rdb, where no server program is installed here that can read it.",
)
@click.pass_context
def restore(ctx: click.Context, folder: Path, moment: str | None) -> None:
    """Restore the backup in FOLDER into an empty data folder; `weft up` then resumes its jobs.

    With WEFT_REDIS_URL and WEFT_STORAGE_URL, into that Redis, where no jobs may be yet, and that object store.
    """
    settings = output.state(ctx).settings
    settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with single_instance(settings.run_dir, settings.data_dir):
        if settings.redis_url is None or moment:
            manifest = backups.load(settings, folder, moment)
        else:
            with serving(folder / backups.RDB, backups.read_manifest(folder).redis_db) as moment_url:
                manifest = backups.load(settings, folder, moment_url)
    output.emit(
        ctx,
        {**manifest.to_json(), "data_dir": str(settings.data_dir)},
        f"{manifest.jobs} jobs in {settings.data_dir}: `weft up` resumes them",
    )
