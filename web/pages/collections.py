"""Collections for people: make one, run it, look what a run would take, and what the last ones found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.collections.collection import Collection
from shared.collections.export import MEDIA_TYPES
from shared.collections.schedule import server_zone
from shared.collections.shown import STATES, Overview, expected_seconds, overview, told, waits
from shared.core.errors import Unavailable, WeftError
from shared.core.i18n import LazyText as _l
from shared.core.i18n import gettext as _
from shared.core.window import DAYS, Window, known
from shared.jobs.notes import window_words
from web.api import collections as api
from web.api.collection_report import shown_report
from web.collection_form import read
from web.collection_schemas import CollectionChange, NewCollection, RunWish
from web.context import services
from web.hours_form import window_text
from web.i18n import language, say
from web.pages import bp

#: Runs that a collection's page shows.
_RUNS = 20
#: Day → what pages call it.
DAY_WORDS = dict(zip(DAYS, (_l("Mon"), _l("Tue"), _l("Wed"), _l("Thu"), _l("Fri"), _l("Sat"), _l("Sun")), strict=True))
#: Time zones that the form offers beside the server's own and the one that is set.
ZONES = ("Asia/Shanghai", "Asia/Kolkata", "Asia/Dhaka", "Europe/Istanbul", "Europe/Berlin", "America/New_York", "UTC")


@bp.get("/collections")
def collections() -> str:
    return _page()


@bp.post("/collections")
def collections_new() -> Response | tuple[str, int]:
    """Makes a collection; a form that is refused is shown again as it was sent."""
    try:
        made = api.made(read(NewCollection, _fields()))
    except WeftError as error:
        return _page(error=say(error.code, **error.detail), form=request.form), error.status
    return redirect(url_for("pages.collections", _anchor=f"collection-{made.id}"), 303)


@bp.get("/collections/<collection>")
def collection(collection: str) -> str:
    """One collection: its runs, and the form that changes it."""
    return _one(collection)


@bp.get("/collections/<collection>/report")
def collections_report(collection: str) -> str:
    """A collection on one page, to look at and to print."""
    own = api.store().find(collection)
    shown = shown_report(own, lambda sha256: url_for("items.photo_thumbnail", sha256=sha256))
    return render_template("collection_report.html", **shown)


@bp.post("/collections/<collection>")
def collections_change(collection: str) -> Response | tuple[str, int]:
    try:
        made = api.changed(collection, read(CollectionChange, _fields()))
    except WeftError as error:
        return _one(collection, error=say(error.code, **error.detail), form=request.form), error.status
    return redirect(url_for("pages.collection", collection=made.id), 303)


@bp.post("/collections/<collection>/delete")
def collections_delete(collection: str) -> Response:
    api.delete(collection)
    return redirect(url_for("pages.collections"), 303)


@bp.post("/collections/<collection>/run")
def collections_run(collection: str) -> Response:
    """Starts a run, or only a look (`dry_run`)."""
    fields = {name: request.form[name] for name in ("all", "since", "dry_run") if request.form.get(name)}
    api.asked(collection, read(RunWish, fields))
    own = api.store().find(collection)
    if "one" in request.form:
        return redirect(url_for("pages.collection", collection=own.id), 303)
    return redirect(url_for("pages.collections", _anchor=f"collection-{own.id}"), 303)


@bp.get("/collections/<collection>/runs")
def collections_runs(collection: str) -> str:
    """The part of a collection's card that changes while a run is under way; with `one`, that of its page."""
    single = "one" in request.args
    found = overview(api.store(), api.store().find(collection), _RUNS if single else 1)
    return render_template("parts/collection_runs.html", one=found, single=single, **_words(found))


def _page(error: str = "", form: Any = None) -> str:
    store = api.store()
    found = [overview(store, own) for own in store.list()]
    return render_template("collections.html", found=found, single=False, **_form(error, form), **_words(*found))


def _one(collection: str, error: str = "", form: Any = None) -> str:
    store = api.store()
    found = overview(store, store.find(collection), _RUNS)
    return render_template("collection.html", one=found, single=True, **_form(error, form), **_words(found))


def _form(error: str, form: Any) -> dict[str, Any]:
    settings = services().settings
    roots = (*settings.roots, *settings.buckets)
    return {"error": error, "form": form, "zones": ZONES, "roots": roots, "own_zone": server_zone(), "hours_of": known}


def _words(*found: Overview) -> dict[str, Any]:
    """What the templates say of schedules and, by their ids, of runs."""
    runs = [run for one in found for run in one.runs]
    return {
        "days": DAY_WORDS,
        "hours_words": {own.id: window_words(hours, language()) for own, hours in _hours(found)},
        "formats": list(MEDIA_TYPES),
        "waits": {one.collection.id: waits(one) for one in found},
        "told": {run.id: told(run) for run in runs},
        "run_states": {state: _(words) for state, words in STATES.items()},
        "lasts": {run.id: _seconds(one) for one in found for run in one.runs[:1] if run.dry and not run.under_way},
    }


def _hours(found: Sequence[Overview]) -> list[tuple[Collection, Window]]:
    windows = [(one.collection, known(one.collection.window or "")) for one in found]
    return [(own, hours) for own, hours in windows if hours is not None]


def _seconds(one: Overview) -> float | None:
    try:
        return expected_seconds(services().ledger, one.runs, one.runs[0].counts.get("chosen", 0))
    except Unavailable:
        # The page is shown without Redis, too.
        return None


def _fields() -> dict[str, Any]:
    """The form at hand as the API takes it: what a form leaves out is not wished."""
    form = request.form
    rules = {
        "include": _lines("include"),
        "exclude": _lines("exclude"),
        "formats": form.get("formats", "").replace(",", " ").replace("，", " ").split(),
        "depth": form.get("depth", "").strip() or None,
        **{name: name in form for name in ("hidden", "links", "truth")},
        "split": form.get("split") or None,
    }
    schedule = None
    at, cron = (form.get(name, "").strip() for name in ("at", "cron"))
    if at or cron:
        schedule = {"at": at, "days": form.getlist("days"), "zone": form.get("zone", ""), "cron": cron}
    fields: dict[str, Any] = {
        "folders": _lines("folders"),
        "rules": rules,
        "schedule": schedule,
        "watch": "watch" in form,
    }
    fields |= {name: form[name] for name in ("preset", "bank", "priority") if name in form}
    fields["window"] = window_text(form)
    fields["by"] = " ".join(filter(None, (form["by"], form.get("zone", "")))) if form.get("by") else ""
    return fields | ({"name": form["name"]} if form.get("name", "").strip() else {})


def _lines(name: str) -> list[str]:
    return [line.strip() for line in request.form.get(name, "").splitlines() if line.strip()]
