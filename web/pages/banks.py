"""All banks, for people: make one, rename, archive and delete it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from flask import redirect, render_template, request, url_for
from pydantic import BaseModel, ValidationError
from werkzeug.wrappers import Response

from shared.core.errors import InvalidRequest
from web.api import banks as api
from web.bank_schemas import BankChange, NewBank
from web.context import services
from web.pages import bp
from web.submissions import given_fields

F = TypeVar("F", bound=BaseModel)


@bp.get("/banks")
def banks() -> str:
    rows = [api.shown(info) for info in services().banks.banks.list()]
    used, old = ([row for row in rows if row.archived is archived] for archived in (False, True))
    return render_template("banks.html", banks=used, old=old)


@bp.post("/banks")
def banks_new() -> Response:
    """Makes a bank, and leads to its page."""
    form = given_fields()
    made = api.made(_read(NewBank, {name: form.get(name) or None for name in ("name", "notes", "copy_of")}))
    return redirect(url_for("pages.bank", bank=made.id), 303)


@bp.post("/banks/<bank>")
def banks_change(bank: str) -> Response:
    """Renames a bank, or archives it, or takes it back."""
    fields = {name: request.form[name] for name in ("name", "notes", "archived") if name in request.form}
    api.changed(bank, _read(BankChange, fields))
    return redirect(url_for("pages.banks"), 303)


@bp.post("/banks/<bank>/delete")
def banks_delete(bank: str) -> Response:
    api.deleted(bank)
    return redirect(url_for("pages.banks"), 303)


def _read(form: type[F], fields: Mapping[str, str | None]) -> F:
    try:
        return form.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("name",):
            raise InvalidRequest("bank_name_empty") from error
        raise InvalidRequest(reason=first["msg"]) from error
