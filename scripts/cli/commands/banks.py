"""`weft bank banks | new | rename | archive | delete`: several banks side by side."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from scripts.cli import output
from shared.access.audit import local_user
from shared.bank.banks import BankInfo
from shared.bank.store import BankStore
from shared.core.errors import WeftError
from shared.core.i18n import gettext as _
from shared.curation.banks import delete_bank, new_bank
from shared.jobs.ledger import Ledger


@click.command(name="banks")
@click.pass_context
def list_banks(ctx: click.Context) -> None:
    """List all banks, the default one first. Other commands take one with --bank, by its ID or name."""
    store = BankStore(output.state(ctx).settings)
    rows = [_shown(store, info) for info in store.banks.list()]

    def human(console: Console) -> None:
        columns = ("id", "name", "version", "classes", "samples", "")
        cells = [
            (row["id"], row["name"], row["version"], row["classes"], row["samples"], "archived" * row["archived"])
            for row in rows
        ]
        console.print(output.table(columns, cells, frozenset({"classes", "samples"})))

    output.emit(ctx, rows, human)


@click.command()
@click.argument("name")
@click.option("--notes", default="", help="What people should know of it.")
@click.option("--copy-of", metavar="BANK", help="Begin with the active version of this bank (ID or name).")
@click.pass_context
def new(ctx: click.Context, name: str, notes: str, copy_of: str | None) -> None:
    """Make the bank NAME: empty, or as a copy. `weft bank build DIR --bank NAME` fills it."""
    store = BankStore(output.state(ctx).settings)
    made = new_bank(store, name, notes, copy_of, local_user())
    output.record(ctx, "bank_made", made.id)
    output.emit(ctx, _shown(store, made), f"{made.id}  {made.name}")


@click.command()
@click.argument("bank")
@click.argument("name")
@click.option("--notes", help="What people should know of it; default: as it is.")
@click.pass_context
def rename(ctx: click.Context, bank: str, name: str, notes: str | None) -> None:
    """Give BANK (ID or name) another NAME. Its ID stays."""
    store = BankStore(output.state(ctx).settings)
    made = store.banks.change(bank, name=name, notes=notes)
    output.record(ctx, "bank_changed", made.id)
    output.emit(ctx, _shown(store, made), f"{made.id}  {made.name}")


@click.command()
@click.argument("bank")
@click.option("--undo", is_flag=True, help="Take it back.")
@click.pass_context
def archive(ctx: click.Context, bank: str, undo: bool) -> None:
    """Archive BANK (ID or name): it is kept, but new jobs cannot choose it."""
    store = BankStore(output.state(ctx).settings)
    made = store.banks.change(bank, archived=not undo)
    output.record(ctx, "bank_changed", made.id)
    output.emit(ctx, _shown(store, made), f"{made.id}: {'in use again' if undo else 'archived'}")


@click.command()
@click.argument("bank")
@click.option("--yes", is_flag=True, help="Delete it; without this, nothing changes.")
@click.pass_context
def delete(ctx: click.Context, bank: str, yes: bool) -> None:
    """Delete BANK (ID or name) for good, with all its versions. Refused while jobs that are not archived use it."""
    settings = output.state(ctx).settings
    store = BankStore(settings)
    found = store.of(bank)
    versions = [row.version for row in found.list()]
    if not yes:
        text = f"{found.bank}: {len(versions)} versions would be deleted for good; run with --yes to delete them."
        output.emit(ctx, {"id": found.bank, "versions": versions, "deleted": False}, text)
        return
    versions = delete_bank(settings, Ledger.connect(settings), store, found.bank)
    output.record(ctx, "bank_deleted", found.bank)
    text = f"{found.bank}: deleted with {len(versions)} versions"
    output.emit(ctx, {"id": found.bank, "versions": versions, "deleted": True}, text)


def _shown(store: BankStore, info: BankInfo) -> dict[str, Any]:
    own = store.of(info.id)
    try:
        version = own.current()
        counts = own.manifest().counts if version else None
    except WeftError:
        version, counts = None, None
    return {
        "id": info.id,
        "name": info.name or _("Default bank"),
        "notes": info.notes,
        "created": info.created,
        "archived": info.archived,
        "default": info.is_default,
        "version": version,
        "classes": counts.classes if counts else None,
        "samples": counts.samples if counts else None,
    }


COMMANDS = (list_banks, new, rename, archive, delete)
