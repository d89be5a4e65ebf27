"""Versions of the bank, for people: what there is, what differs, put in force, back again; and corrections to add."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.core.errors import BankError, InvalidRequest
from shared.curation.compare import CHANGES
from web.api import bank_versions as api
from web.api.bank import sample as shown
from web.bank_schemas import Add
from web.bank_work import begin
from web.context import services
from web.pages import bp, class_names

#: Samples of one class and one kind of change that are shown; all are counted.
SHOWN = 24
#: Corrections listed at once.
PROPOSED = 300


@bp.get("/bank/versions")
def bank_versions() -> str:
    found = api.listed()
    rows = [{**row, **_more(row)} for row in found["versions"]]
    return render_template("bank_versions.html", versions=rows, current=found["current"], previous=found["previous"])


@bp.post("/bank/publish")
def bank_publish() -> Response:
    services().banks.publish(request.form.get("version", ""))
    return redirect(url_for("pages.bank_versions"), 303)


@bp.post("/bank/rollback")
def bank_rollback() -> Response:
    services().banks.rollback()
    return redirect(url_for("pages.bank_versions"), 303)


@bp.get("/bank/compare")
def bank_compare() -> str:
    found = api.difference(request.args.get("old"), request.args.get("new"))
    for row in found["changed"]:
        for change in CHANGES:
            # What was removed has its picture in the older version only.
            version = found["old"] if change == "removed" else found["new"]
            row[change] = [picture(version, sample) for sample in row[change][:SHOWN]]
    names = class_names(found["old"]) | class_names(found["new"])
    return render_template("bank_compare.html", found=found, names=names, changes=CHANGES)


@bp.get("/bank/corrections")
def bank_corrections() -> str:
    found = api.corrections()
    rows = found["proposals"]
    names = class_names(found["version"])
    return render_template(
        "bank_corrections.html", rows=rows[:PROPOSED], total=len(rows), other_model=found["other_model"], names=names
    )


@bp.post("/bank/corrections")
def bank_add() -> Response:
    places = map(_parts, request.form.getlist("item"))
    chosen = [{"job": job, "index": index} for job, _, index in places]
    if not chosen:
        return redirect(url_for("pages.bank_corrections"), 303)
    try:
        wish = Add.model_validate({"kind": "add", "items": chosen, "publish": "publish" in request.form})
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    task = begin(wish)
    return redirect(url_for("pages.bank_task", task_id=task.id), 303)


def picture(version: str, row: dict[str, Any]) -> dict[str, Any]:
    """A sample with the address of its picture and, where it was set aside, the reason."""
    return {**shown(version, row), "label": row["label"], "reason": row.get("reason")}


def _parts(value: str) -> tuple[str, str, str]:
    return value.partition(":")


def _more(row: dict[str, Any]) -> dict[str, Any]:
    """What the manifest tells beyond the list: how the version came to be, and what leave-one-out says of it."""
    try:
        manifest = services().banks.manifest(row["version"])
    except BankError:
        return {"origin": None, "measured": None}
    return {"origin": manifest["origin"], "measured": manifest["ranking"].get("measured")}
