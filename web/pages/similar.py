"""Pages of photos that look alike: like one photo over all jobs, and a job's groups, each answered at once."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug import Response

from shared.core.errors import InvalidRequest
from shared.jobs.reviews import Review
from shared.jobs.shown import ShownItem
from web.access.visitor import owner
from web.api.items import projected
from web.api.similar import LOOKED_UP, SimilarQuery, look_alikes, search, shown
from web.context import services
from web.i18n import language
from web.look_ups import looked_up, submit_look_up
from web.pages import bp, class_names, suggestions
from web.pages.job import SUGGESTED

#: Groups on a page, and photos that are shown of each.
GROUPS, PICTURES = 20, 12
#: Seconds that the page waits for a photo that is looked up, before it asks to be loaded again.
PATIENCE = 5.0
KINDS = ("unknown", "copies")


@bp.get("/similar")
def similar() -> str:
    """Photos of all jobs that look like one photo or one sample of the bank."""
    try:
        query = SimilarQuery.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    job = services().ledger.find(query.job) if query.job else None
    if job is not None and job.kind == LOOKED_UP and not job.archived and not looked_up(job, PATIENCE):
        return render_template("similar.html", waits=job, query=query)
    of = None
    if job is not None:
        with projected(job.id) as projection:
            of = projection.item(query.item or 0, language())
    matches, jobs = search(query)
    found = shown(matches, jobs, query)
    names = {job.bank: class_names(job.bank) for job, _, _ in found}
    told: dict[str, Any] = {"of": of, "query": query, "matches": matches, "names": names}
    return render_template("similar.html", found=found, **told)


@bp.post("/similar")
def look_up() -> Response:
    """A photo that is sent, or a part that is cut out of one: leads to the page of what looks like it."""
    return redirect(url_for("pages.similar", job=submit_look_up().id, item=0), 303)


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
