"""`weft bank`: build, list, publish, roll back; the larger commands have files of their own."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console

from scripts.cli import output
from scripts.cli.bank_option import bank_store, with_bank
from scripts.cli.bank_words import size_problem, summary, view_words
from scripts.cli.commands import bank_check, bank_classes, bank_clean, bank_import, bank_index, bank_versions, banks
from shared.bank.class_names import names_unused_words
from shared.core.errors import InvalidRequest


@click.group()
def command() -> None:
    """Build, check, clean, import, publish and roll back banks."""


command.add_command(with_bank(bank_check.command), "check")
command.add_command(bank_import.command, "import")
command.add_command(with_bank(bank_index.command), "index")
for inner in (
    *(bank_clean.clean, bank_clean.restore, bank_import.command),
    *(*bank_classes.GROUP, bank_classes.add_photos, bank_classes.draft),
):
    with_bank(inner)
for inner in (bank_clean.clean, bank_clean.restore, *bank_versions.COMMANDS, *bank_classes.COMMANDS, *banks.COMMANDS):
    command.add_command(inner)


@with_bank
@command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--no-publish", is_flag=True, help="Create the version without making it active.")
@click.option("--name", default="", help="A readable name; it becomes part of the version ID.")
@click.option("--limit", default=0, type=click.IntRange(0), help="Maximum photos per class (0: all).")
@click.option("--parents", is_flag=True, help="Folders that hold only folders are parents: PARENT/CLASS/photo.jpg.")
@click.option("--views", is_flag=True, help="Also measure what several views of each photo would bring (WEFT_VIEWS).")
@click.pass_context
def build(
    ctx: click.Context, folder: Path, no_publish: bool, name: str, limit: int, parents: bool, views: bool
) -> None:
    """Build a bank from FOLDER, with one subfolder of photos per class, and make it active.

    Optional files next to the class folders: labels.json (label → Chinese name, or {"zh", "en", "notes", "parent"}),
    aliases.json (label → aliases). A parent is a group of classes: the answer where the class is unsure.
    """
    from shared.core.settings import cores
    from shared.curation.build import build_bank
    from shared.encoder import load_encoder

    settings = output.state(ctx).settings
    store = bank_store(ctx)
    started = time.monotonic()
    encoder = load_encoder(settings, threads=settings.threads or cores(), say=output.note)
    stages = {"reading": "Reading photos", "choosing": "Choosing the ranking"}
    try:
        with output.progress("Reading photos") as bar:

            def show(stage: str, done: int, total: int) -> None:
                bar(done, total, stages[stage])

            version = build_bank(
                folder, encoder, settings, show, name=name, limit=limit, bank=store.bank, parents=parents
            )
    finally:
        encoder.close()
    if not no_publish:
        store.publish(version)
        output.record(ctx, "bank_published", version)
    gains = []
    if views:
        from shared.curation.check import check_bank

        try:
            with output.progress("Comparing views") as bar:
                gains = check_bank(settings, version, lambda _, done, total: bar(done, total), views=True).views
        except InvalidRequest as refused:
            # The bank is built all the same.
            output.note(str(refused))
    manifest = store.manifest(version)
    document = {
        **summary(manifest),
        "published": not no_publish,
        "seconds": round(time.monotonic() - started, 2),
        "skipped": [photo.to_json() for photo in manifest.skipped],
        "warnings": [warning.to_json() for warning in manifest.warnings],
        **({"names_unused": manifest.names_unused.to_json()} if manifest.names_unused else {}),
        **({"views": [gain.to_json() for gain in gains]} if gains else {}),
    }

    def human(console: Console) -> None:
        counts = manifest.counts
        console.print(f"Bank {version}: {counts.samples} samples of {counts.classes} classes, model {manifest.model}")
        if not manifest.encoder.trained:
            console.print("[yellow]Test mode: vectors are derived from file hashes, so results are meaningless.[/]")
        for photo in manifest.skipped:
            console.print(f"  skipped {photo.name}: {photo.code}")
        if counts.duplicates:
            console.print(f"  {counts.duplicates} duplicate photos within a class were skipped")
        for warning in manifest.warnings:
            console.print(f"  {size_problem(warning)}")
        if words := names_unused_words(manifest):
            console.print(words)
        for line in view_words(gains):
            console.print(line)
        console.print(
            "It is active." if not no_publish else f"Not active; run `weft bank publish {version}` to activate it."
        )

    output.emit(ctx, document, human)


@with_bank
@command.command(name="list")
@click.pass_context
def list_versions(ctx: click.Context) -> None:
    """List the versions of a bank, newest first; the active one is marked with *."""
    rows = bank_store(ctx).list()

    def human(console: Console) -> None:
        columns = ("", "version", "created", "classes", "samples", "model")
        cells = [
            (
                "*" if row.current else "!" if row.damaged else "",
                row.version,
                output.when(row.created),
                None if row.damaged else row.counts.classes,
                None if row.damaged else row.counts.samples,
                "damaged" if row.damaged else row.model,
            )
            for row in rows
        ]
        console.print(output.table(columns, cells, frozenset({"classes", "samples"})))

    output.emit(ctx, [row.to_json() for row in rows], human)


@command.command()
@click.argument("version")
@click.pass_context
def publish(ctx: click.Context, version: str) -> None:
    """Make VERSION the active one of its bank; workers switch to it with their next job."""
    bank_store(ctx).of_version(version).publish(version)
    output.record(ctx, "bank_published", version)
    output.emit(ctx, {"version": version, "published": True}, f"{version} is active.")


@with_bank
@command.command()
@click.pass_context
def rollback(ctx: click.Context) -> None:
    """Make the previous version active again."""
    version = bank_store(ctx).rollback()
    output.record(ctx, "bank_rolled_back", version)
    output.emit(ctx, {"version": version, "published": True}, f"{version} is active again.")
