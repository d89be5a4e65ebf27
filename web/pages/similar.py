"""Pages of photos that look alike: like one photo over all jobs, and a job's groups, each answered at once."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug import Response

from shared.core.errors import InvalidRequest, PhotoError
from shared.core.i18n import gettext as _
from shared.jobs.reviews import Review
from shared.jobs.shown import ShownItem
from shared.similar.sources import LOOKED_UP
from web.access.visitor import owner
from web.api.items import projected
from web.api.similar import SimilarQuery, alike_above, look_alikes, search, shown
from web.context import services
from web.i18n import language, say
from web.look_ups import looked_up, submit_look_up
from web.noted import note_code
from web.pages import bp, class_names, similar_filters, suggestions
from web.pages.job import SUGGESTED

#: Groups on a page, and photos that are shown of each.
GROUPS, PICTURES = 20, 12
#: Seconds that the page waits for a photo that is looked up, before it asks to be loaded again.
PATIENCE = 5.0
KINDS = ("unknown", "copies")
#: What names one photo in an address, and what of an address is kept by the page's forms and links.
_ONE = ("job", "item", "bank", "sample")
_KNOWN = {*SimilarQuery.model_fields, *similar_filters.DAYS, *(f"whole_{name}" for name in _ONE)}


@bp.get("/similar")
def similar() -> tuple[str, int]:
    """Photos of all jobs that look like one photo or one sample of the bank; without either, only the form for one."""
    return _page()


@bp.post("/similar")
def look_up() -> Response | tuple[str, int]:
    """A photo that is sent, or a part that is cut out of one: leads to the page of what looks like it, or to its own
    result (`then`). What is refused is said on the page that it was sent from, which the address names."""
    try:
        job = submit_look_up()
    except (PhotoError, InvalidRequest) as error:
        note_code(request.environ, error.code)
        return _page(say(error.code, **error.detail), error.status)
    if request.form.get("then") == "classified":
        return redirect(url_for("pages.job", job_id=job.id), 303)
    # A part's page leads back to the photo that it was cut out of.
    whole: dict[str, Any] = {
        f"whole_{name}": request.form[name] for name in _ONE if name in request.form and "box" in request.form
    }
    return redirect(url_for("pages.similar", job=job.id, item=0, **whole), 303)


def _page(refused: str = "", status: int = 200) -> tuple[str, int]:
    """The page of the photo that the address names. `refused`: what is wrong with something that was sent."""
    here = {name: value for name, value in request.args.items() if name in _KNOWN and value}
    whole = {name: here[f"whole_{name}"] for name in _ONE if f"whole_{name}" in here}
    told: dict[str, Any] = {"here": here, "whole": whole, "refused": refused}
    asked = {name: value for name, value in here.items() if name in SimilarQuery.model_fields}
    if not asked:
        return render_template("similar.html", **told), status
    try:
        query = SimilarQuery.model_validate(asked | similar_filters.moments(here))
    except ValidationError as error:
        told["refused"] = refused or _odd(error)
        return render_template("similar.html", **told | {"here": {}}), 400
    job = services().ledger.find(query.job) if query.job else None
    try:
        if job is not None and job.kind == LOOKED_UP and not job.archived and not looked_up(job, PATIENCE):
            return render_template("similar.html", **told, waits=job, query=query), status
    except PhotoError as error:
        told["refused"] = refused or say(error.code, **error.detail)
        return render_template("similar.html", **told | {"here": {}}), error.status
    of = None
    if job is not None:
        with projected(job.id) as projection:
            of = projection.item(query.item or 0, language())
    matches, jobs = search(query)
    found = shown(matches, jobs, query)
    least = alike_above(query)
    told |= {
        "of": of,
        "query": query,
        "matches": matches,
        # The first photo that is probably another fabric.
        "less_from": next((n for n, (*_, similarity) in enumerate(found) if least and similarity < least), None),
        "names": {job.bank: class_names(job.bank) for job, _, _ in found},
    }
    told["all_of_it"] = {name: here[name] for name in _ONE if name in here}
    told |= similar_filters.fields(query, here, job)
    return render_template("similar.html", **told, found=found), status


def _odd(error: ValidationError) -> str:
    """What is wrong with the address."""
    names = sorted({str(place) for one in error.errors() for place in one["loc"]})
    if names:
        return _("The address has values that cannot be used here: %(names)s.", names=", ".join(names))
    return _("The address does not name one photo. Open “Similar to this” of a photo, or choose one of your own.")


@bp.get("/jobs/<job_id>/groups")
def groups(job_id: str) -> str:
    """Photos without a class that look like one cloth, or copies of one photo."""
    job = services().ledger.find(job_id)
    of = request.args.get("of", KINDS[0])
    if of not in KINDS:
        raise InvalidRequest(reason=f"of={of}")
    found = look_alikes(job, of)
    page = found[:GROUPS]
    wanted = [item for group in page for item in group.items[:PICTURES]]
    with projected(job_id) as projection:
        items: dict[int, ShownItem] = {item["index"]: item for item in projection.at(wanted, language())}
    told: dict[str, Any] = {"job": job, "of": of, "groups": page, "more": len(found) - len(page), "items": items}
    return render_template(
        "groups.html", **told, names=class_names(job.bank), pictures=PICTURES, known=suggestions(job.bank, SUGGESTED)
    )


@bp.post("/jobs/<job_id>/groups")
def name_group(job_id: str) -> Response:
    """Gives all photos of a group one class; a name that no class has becomes a new class."""
    label = request.form.get("label", "").strip()
    try:
        items = [int(item) for item in request.form.get("items", "").split(",")]
    except ValueError:
        raise InvalidRequest(reason="items") from None
    if not label:
        raise InvalidRequest("label_empty")
    if len(label) > 200:
        raise InvalidRequest(reason="label")
    with projected(job_id) as projection:
        act = projection.review_many(items, Review(label=label, new_class=True), owner())
    services().reviewed(job_id)
    of = request.form.get("of", KINDS[0])
    return redirect(url_for("pages.groups", job_id=job_id, of=of, named=act.photos, label=act.label, act=act.act), 303)


@bp.post("/jobs/<job_id>/groups/undo")
def undo_group(job_id: str) -> Response:
    """Takes back the class that was given to a group."""
    of = request.form.get("of", KINDS[0])
    with projected(job_id) as projection:
        undone = projection.reviews.undo(min(request.form.get("act", 0, int), 2**53))
    services().reviewed(job_id)
    return redirect(url_for("pages.groups", job_id=job_id, of=of, undone=undone.photos), 303)
