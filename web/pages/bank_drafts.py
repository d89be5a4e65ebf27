"""Making and changing banks, for people: new banks, photos for a class, and the draft that collects changes."""

from __future__ import annotations

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.bank.drafts import Drafts
from shared.core.errors import BankError
from shared.curation.task_model import Task
from shared.photos.formats import EXTENSIONS
from web import bank_uploads
from web.access.visitor import visitor
from web.bank_choice import bank_store
from web.bank_work import draft
from web.context import services
from web.pages import bp


@bp.get("/bank/new")
def bank_new() -> str:
    """A new bank from class folders, from one class, or from a file of the old format."""
    banks = bank_store()
    first = banks.current() is None and Drafts(banks).head() is None
    return render_template("bank_new.html", first=first, zh=request.args.get("zh", ""), **upload_limits())


@bp.post("/bank/photos")
def bank_photos() -> Response:
    """The form without JavaScript; with it, the page posts to the API and shows progress."""
    return _to(bank_uploads.add_photos())


@bp.post("/bank/build")
def bank_build() -> Response:
    return _to(bank_uploads.build())


@bp.post("/bank/import")
def bank_imported() -> Response:
    return _to(bank_uploads.import_bank())


@bp.post("/bank/undo")
def bank_undo() -> Response:
    g.acted_on = Drafts(bank_store()).undo() or ""
    return redirect(url_for("pages.bank"), 303)


@bp.post("/bank/discard")
def bank_discard() -> Response:
    Drafts(bank_store()).discard()
    return redirect(url_for("pages.bank"), 303)


def version_shown() -> str:
    """The version that the bank's pages show: the draft to those who may change it. Raises BankError("no_bank")."""
    found = visitor()
    head = Drafts(bank_store()).head() if found and found.may("admin") else None
    return head or bank_store().manifest().version


def draft_shown() -> dict[str, object]:
    """What the notice of the draft needs; nothing is shown to those who may not change it."""
    found = visitor()
    own = draft() if found and found.may("admin") else None
    try:
        active = bank_store().current()
    except BankError:
        active = None
    return {"draft": own if own and own.version else None, "active_version": active}


def upload_limits() -> dict[str, object]:
    """What the scripts of upload forms need."""
    settings = services().settings
    limits = {"files": settings.max_upload_files, "bytes": settings.max_upload_bytes}
    return {"extensions": sorted(EXTENSIONS), "limits": limits}


def _to(task: Task) -> Response:
    return redirect(url_for("pages.bank_task", task_id=task.id), 303)
