"""The draft: changes to the bank that are collected, taken back one by one, and made active together."""

from __future__ import annotations

from flask import g

from shared.bank.drafts import Drafts
from web import bank_uploads
from web.api.bank_tasks import bp
from web.bank_choice import bank_store
from web.bank_schemas import BankChoice, DraftOut, TaskOut
from web.bank_work import draft, shown


@bp.get("/bank/draft")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(DraftOut)
def collected(query: BankChoice) -> DraftOut:
    """The draft. `POST /bank/versions/{version}/publish` of its version makes all changes active."""
    return draft()


@bp.post("/bank/draft/undo")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(DraftOut)
def undo(query: BankChoice) -> DraftOut:
    """Take the draft's last change back."""
    g.acted_on = Drafts(bank_store()).undo() or ""
    return draft()


@bp.post("/bank/draft/discard")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(DraftOut)
def discard(query: BankChoice) -> DraftOut:
    """End the draft; the active version stays as it is."""
    Drafts(bank_store()).discard()
    return draft()


@bp.post("/bank/photos")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(TaskOut, status_code=202)
def photos(query: BankChoice) -> TaskOut:
    """Put photos into the class `label`, or without it into a new class `zh`, `en`. Joins the draft."""
    return shown(bank_uploads.add_photos())


@bp.post("/bank/build")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(TaskOut, status_code=202)
def build(query: BankChoice) -> TaskOut:
    """Fill a bank with class folders alone: names of files hold their folders, as `denim/1.jpg`. Becomes the draft."""
    return shown(bank_uploads.build())


@bp.post("/bank/import")
@bp.input(BankChoice, location="query", arg_name="query")
@bp.output(TaskOut, status_code=202)
def imported(query: BankChoice) -> TaskOut:
    """Fill a bank with an NPZ in the old format alone. Becomes the draft."""
    return shown(bank_uploads.import_bank())
