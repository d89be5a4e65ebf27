"""`weft backup` and `weft restore`: everything that cannot be made again, as a folder."""

from __future__ import annotations

from pathlib import Path

import click

from scripts.cli import output
from scripts.supervisor.process import single_instance
from shared.maintenance import backup as backups


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def backup(ctx: click.Context, folder: Path) -> None:
    """Copy ledger, results, uploads and banks into FOLDER while everything runs; a second time, only what is new.

    Models are not copied (`weft model pull` brings them back), nor the photos of folder jobs, which are the user's own.
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
        {**manifest, "folder": str(folder)},
        f"{manifest['jobs']} jobs, {manifest['new_files']} new files in {folder}",
    )


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def restore(ctx: click.Context, folder: Path) -> None:
    """Fill an empty data folder from the backup in FOLDER; `weft up` then goes on with every job that was under way."""
    settings = output.state(ctx).settings
    settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with single_instance(settings.run_dir, settings.data_dir):
        manifest = backups.load(settings, folder)
    output.emit(
        ctx,
        {**manifest, "data_dir": str(settings.data_dir)},
        f"{manifest['jobs']} jobs in {settings.data_dir}: `weft up` goes on with them",
    )
