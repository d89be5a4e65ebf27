"""Several banks side by side: which there are, new ones, their names, archived and deleted ones."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import g

from shared.bank.banks import BankInfo
from shared.core.errors import WeftError
from shared.curation.banks import delete_bank, new_bank
from web.access.visitor import owner
from web.bank_choice import bank_words
from web.bank_schemas import BankChange, BankEntry, BankList, NewBank
from web.context import services

bp = APIBlueprint("banks", __name__, tag="Bank")


@bp.get("/banks")
@bp.output(BankList)
def index() -> BankList:
    """All banks, the default one first. Other calls take one as `bank`, by its id or name."""
    return BankList(banks=[shown(info) for info in services().banks.banks.list()])


@bp.post("/banks")
@bp.input(NewBank, location="json", arg_name="wish")
@bp.output(BankEntry, status_code=201)
def create(wish: NewBank) -> BankEntry:
    """Make a bank: empty, or as a copy of another one's active version."""
    return shown(made(wish))


@bp.patch("/banks/<bank>")
@bp.input(BankChange, location="json", arg_name="change")
@bp.output(BankEntry)
def change(bank: str, change: BankChange) -> BankEntry:
    """Rename a bank, note something of it, archive it (new jobs cannot choose it) or take it back."""
    return shown(changed(bank, change))


@bp.delete("/banks/<bank>")
@bp.output({}, status_code=204)
def delete(bank: str) -> tuple[str, int]:
    """Delete a bank for good, with all its versions. 409 `bank_in_use` while jobs in the ledger use it."""
    deleted(bank)
    return "", 204


def made(wish: NewBank) -> BankInfo:
    """Raises as `new_bank`."""
    info = new_bank(services().banks, wish.name, wish.notes, wish.copy_of or None, owner())
    g.acted_on = info.id
    return info


def changed(bank: str, change: BankChange) -> BankInfo:
    """Raises as `Banks.change`."""
    info = services().banks.banks.change(bank, name=change.name, notes=change.notes, archived=change.archived)
    g.acted_on = info.id
    return info


def deleted(bank: str) -> None:
    """Raises as `delete_bank`."""
    at = services()
    g.acted_on = at.banks.banks.find(bank).id
    delete_bank(at.settings, at.ledger, at.banks, bank)


def shown(info: BankInfo) -> BankEntry:
    """A bank with what its active version holds; nothing of that where it has none, or a damaged one."""
    store, version, counts = services().banks.of(info.id), None, None
    try:
        version = store.current()
        counts = store.manifest().counts.to_json() if version else None
    except WeftError:
        pass
    return BankEntry(
        id=info.id,
        name=bank_words(info),
        notes=info.notes,
        created=info.created,
        archived=info.archived,
        default=info.is_default,
        version=version,
        counts=counts,
    )
