"""`weft bank import`: a bank of the old format becomes a version."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from scripts.cli import output
from shared.bank.store import BankStore


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", help="What made the vectors, as in WEFT_MODEL; several are joined by ' + '.")
@click.option("--labels", type=click.Path(path_type=Path), help="JSON, label → Chinese name; default: beside FILE.")
@click.option("--aliases", type=click.Path(path_type=Path), help="JSON, label → list of aliases; default: beside FILE.")
@click.option("--keep-duplicates", is_flag=True, help="Keep rows that are there several times in one class.")
@click.option("--no-publish", is_flag=True, help="Keep the version without putting it in force.")
@click.option("--name", default="", help="A name for people; it becomes part of the version.")
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    model: str | None,
    labels: Path | None,
    aliases: Path | None,
    keep_duplicates: bool,
    no_publish: bool,
    name: str,
) -> None:
    """Import FILE, an NPZ with one array of vectors a class, and put it in force.

    The vectors carry no note of their model: --model says which one made them, and workers must run that one.
    """
    from shared.curation.legacy import import_legacy, read_legacy, required_model

    settings = output.state(ctx).settings
    store = BankStore(settings)
    with output.progress("Choosing the ranking") as bar:
        version = import_legacy(
            file,
            settings,
            model,
            labels_file=labels,
            aliases_file=aliases,
            keep_duplicates=keep_duplicates,
            name=name,
            progress=lambda _stage, done, total: bar(done, total),
        )
    if not no_publish:
        store.publish(version)
    manifest = store.manifest(version)
    required = required_model(read_legacy(file).vectors, manifest["model"])
    document = {
        **{key: manifest[key] for key in ("version", "name", "created", "model", "identity", "counts", "warnings")},
        "published": not no_publish,
        "required_model": required,
    }

    def human(console: Console) -> None:
        counts = manifest["counts"]
        console.print(f"Bank {version}: {counts['samples']} samples of {counts['classes']} classes")
        if counts["duplicates"]:
            console.print(f"  {counts['duplicates']} rows were there twice in their class and taken once")
        parts = ", ".join(f"columns {first}–{last - 1}" for first, last in required["halves"])
        console.print(f"  {required['columns']} columns ({parts}) must be of {required['model']}")
        if len(required["halves"]) > 1:
            console.print(f"  each of these parts has the same length, as in {required['hint']}")
        console.print("`weft bank check` tells what is wrong with it, `weft bank clean` mends it.")
        console.print("Published." if not no_publish else f"Not published; `weft bank publish {version}` does.")

    output.emit(ctx, document, human)
