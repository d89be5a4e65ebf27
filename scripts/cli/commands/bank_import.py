"""`weft bank import`: a bank of the old format, or a folder of vectors, becomes a version."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from scripts.cli import output
from scripts.cli.bank_option import bank_store
from scripts.cli.bank_words import summary


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", help="Model that produced the vectors, as in WEFT_MODEL; join several with ' + '.")
@click.option("--labels", type=click.Path(path_type=Path), help="JSON, label → Chinese name; default: next to FILE.")
@click.option(
    "--aliases", type=click.Path(path_type=Path), help="JSON, label → list of aliases; default: next to FILE."
)
@click.option("--keep-duplicates", is_flag=True, help="Keep duplicate rows within a class.")
@click.option("--no-publish", is_flag=True, help="Create the version without making it active.")
@click.option("--name", default="", help="A readable name; it becomes part of the version ID.")
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
    """Import FILE, an NPZ with one array of vectors per class, and make it active.

    FILE may be a folder, for a bank of any size: parts NAME.npy, each with NAME.labels (one class per row), or
    NAME.npz; see docs/bank.md. Vectors do not record their model: set it with --model. Workers must run the same model.
    """
    from shared.curation.from_vectors import import_vectors
    from shared.curation.legacy import RequiredModel, import_legacy, read_legacy, required_model

    settings = output.state(ctx).settings
    store = bank_store(ctx)
    stages = {"reading": "Reading vectors", "writing": "Writing vectors", "choosing": "Choosing the ranking"}
    with output.progress("Choosing the ranking") as bar:
        version = (import_vectors if file.is_dir() else import_legacy)(
            file,
            settings,
            model,
            labels_file=labels,
            aliases_file=aliases,
            keep_duplicates=keep_duplicates,
            name=name,
            bank=store.bank,
            progress=lambda stage, done, total: bar(done, total, stages[stage]),
        )
    if not no_publish:
        store.publish(version)
        output.record(ctx, "bank_published", version)
    manifest = store.manifest(version)
    required: RequiredModel | None = None
    if not file.is_dir():
        required = required_model(read_legacy(file).vectors, manifest.model)
    document = {
        **summary(manifest),
        "warnings": [warning.to_json() for warning in manifest.warnings],
        "published": not no_publish,
        "required_model": required.to_json() if required else None,
    }

    def human(console: Console) -> None:
        counts = manifest.counts
        console.print(f"Bank {version}: {counts.samples} samples of {counts.classes} classes")
        if counts.duplicates:
            console.print(f"  {counts.duplicates} duplicate rows within a class were skipped")
        if required:
            parts = ", ".join(f"columns {first}–{last - 1}" for first, last in required.halves)
            console.print(f"  {required.columns} columns ({parts}) must come from {required.model}")
            if len(required.halves) > 1:
                console.print(f"  the parts have equal vector lengths, as in {required.hint}")
        console.print("Next: `weft bank check` reports issues, `weft bank clean` excludes problem samples.")
        console.print(
            "It is active." if not no_publish else f"Not active; run `weft bank publish {version}` to activate it."
        )

    output.emit(ctx, document, human)
