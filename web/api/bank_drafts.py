"""The draft: changes to the bank that are collected, taken back one by one, and made active together."""

from __future__ import annotations

from flask import g

from shared.bank.drafts import Drafts
from web import bank_uploads
from web.api.bank_tasks import bp
from web.bank_schemas import DraftOut, TaskOut
from web.bank_work import draft, shown
from web.context import services


@bp.get("/bank/draft")
@bp.output(DraftOut)
def collected() -> DraftOut:
    """The draft. `POST /bank/versions/{version}/publish` of its version makes all changes active."""
    return draft()


@bp.post("/bank/draft/undo")
@bp.output(DraftOut)
def undo() -> DraftOut:
    """Take the draft's last change back."""
    g.acted_on = Drafts(services().banks).undo() or ""
    return draft()


@bp.post("/bank/draft/discard")
@bp.output(DraftOut)
def discard() -> DraftOut:
    """End the draft; the active version stays as it is."""
    Drafts(services().banks).discard()
    return draft()


@bp.post("/bank/photos")
@bp.output(TaskOut, status_code=202)
def photos() -> TaskOut:
    """Put photos into the class `label`, or without it into a new class `zh`, `en`. Joins the draft."""
    return shown(bank_uploads.add_photos())


@bp.post("/bank/build")
@bp.output(TaskOut, status_code=202)
def build() -> TaskOut:
    """Make a new bank of class folders: names of files hold their folders, as `denim/1.jpg`. Becomes the draft."""
    return shown(bank_uploads.build())


@bp.post("/bank/import")
@bp.output(TaskOut, status_code=202)
def imported() -> TaskOut:
    """Make a new bank of an NPZ in the old format. Becomes the draft."""
    return shown(bank_uploads.import_bank())
