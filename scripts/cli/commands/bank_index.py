"""`weft bank index`: writes the vectors of a large bank to the bank server."""

from __future__ import annotations

import click

from scripts.cli import output
from scripts.cli.bank_option import bank_store
from shared.bank.server.tables import TableNote
from shared.core.errors import Conflict


@click.command()
@click.argument("version", required=False)
@click.pass_context
def command(ctx: click.Context, version: str | None) -> None:
    """Write the vectors of VERSION (default: the active version) to the bank server (WEFT_INDEX_URL) and compare its
    answers with those of the files: for a new server, or one that has lost them. Making a version active does the
    same by itself."""
    store = bank_store(ctx)
    if store.server is None:
        raise Conflict("index_not_set")
    version = version or store.manifest().version
    with output.progress("Copying") as bar:
        note = store.index(version, bar)
    if note is None:
        count = store.manifest(version).counts.samples
        output.emit(
            ctx,
            {"version": version, "served": False},
            f"{version} has {count} samples, which every worker reads from its files: the bank server is not needed.",
        )
        return
    output.emit(ctx, {"served": True, **note.to_json()}, f"{version}: {table_words(note)}")


def table_words(note: TableNote) -> str:
    """What is known of a version's table, in one line."""
    return (
        f"the bank server has {note.rows} vectors, copied {output.when(note.written)}; {note.compared} queries gave the"
        f" answers of the files (cosines differ by {note.difference:.1e} at most)"
    )
