"""Versions of the bank, for people: what there is, what differs, made active, back again; and corrections to add."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.bank.ranking_fit import Measured
from shared.bank.samples import Sample
from shared.core.errors import BankError, InvalidRequest
from shared.curation.compare import SampleChange
from web.access.visitor import owner
from web.api import bank_versions as api
from web.api.bank import sample as shown
from web.bank_choice import about, bank_store
from web.bank_schemas import VersionOut
from web.bank_work import begin
from web.bank_work_schemas import Add
from web.context import services
from web.pages import bp, class_names
from web.pages.bank_drafts import draft_shown

#: Samples of one class and one kind of change that are shown; all are counted.
SHOWN = 24
#: Corrections listed at once.
PROPOSED = 300


@bp.get("/bank/versions")
def bank_versions() -> str:
    found = api.listed(bank_store())
    rows = [_shown(row) for row in found.versions]
    return render_template(
        "bank_versions.html", versions=rows, current=found.current, previous=found.previous, **draft_shown()
    )


@bp.post("/bank/publish")
def bank_publish() -> Response:
    g.acted_on = request.form.get("version", "")
    services().banks.of_version(g.acted_on).publish(g.acted_on, owner())
    return redirect(url_for("pages.bank_versions"), 303)


@bp.post("/bank/rollback")
def bank_rollback() -> Response:
    g.acted_on = bank_store().rollback()
    return redirect(url_for("pages.bank_versions"), 303)


@bp.get("/bank/compare")
def bank_compare() -> str:
    found = api.difference(request.args.get("old"), request.args.get("new"))
    about(services().banks.of_version(found.new))
    # What was removed has its picture in the older version only.
    pictures = [
        {
            SampleChange.ADDED: _pictures(found.new, row.added),
            SampleChange.REMOVED: _pictures(found.old, row.removed),
            SampleChange.SET_ASIDE: _pictures(found.new, row.set_aside),
            SampleChange.PUT_BACK: _pictures(found.new, row.put_back),
        }
        for row in found.changed
    ]
    names = class_names(found.old) | class_names(found.new)
    return render_template("bank_compare.html", found=found, names=names, pictures=pictures)


@bp.get("/bank/corrections")
def bank_corrections() -> str:
    found = api.corrections()
    rows = found.proposals
    names = class_names(found.version)
    return render_template(
        "bank_corrections.html",
        rows=rows[:PROPOSED],
        total=len(rows),
        other_model=found.other_model,
        names=names,
        **draft_shown(),
    )


@bp.post("/bank/corrections")
def bank_add() -> Response:
    places = map(_parts, request.form.getlist("item"))
    chosen = [{"job": job, "index": index} for job, _, index in places]
    if not chosen:
        g.unchanged = True
        return redirect(url_for("pages.bank_corrections"), 303)
    try:
        wish = Add.model_validate({"kind": "add", "items": chosen, "publish": "publish" in request.form, "draft": True})
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    task = begin(wish)
    return redirect(url_for("pages.bank_task", task_id=task.id), 303)


@dataclass(frozen=True, slots=True)
class Pictured:
    """A sample with the address of its picture and, where it was set aside, the reason."""

    id: str
    name: str
    picture: str | None
    label: str
    reason: str | None


def picture(version: str, row: Sample) -> Pictured:
    own = shown(version, row)
    return Pictured(own.id, own.name, own.picture, row.label, row.reason)


def _pictures(version: str, rows: list[Sample]) -> list[Pictured]:
    return [picture(version, row) for row in rows[:SHOWN]]


def _parts(value: str) -> tuple[str, str, str]:
    return value.partition(":")


@dataclass(frozen=True, slots=True)
class _Row:
    """A version, and what only its manifest tells: how it came to be, and what leave-one-out says of it."""

    entry: VersionOut
    origin: str | None = None
    measured: Measured | None = None
    #: Who asked for it.
    by: str | None = None


def _shown(entry: VersionOut) -> _Row:
    try:
        manifest = services().banks.manifest(entry.version)
    except BankError:
        return _Row(entry)
    return _Row(entry, manifest.origin, manifest.ranking.measured, manifest.by)
