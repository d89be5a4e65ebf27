"""Jobs: the list, one job's progress, and its results."""

from __future__ import annotations

import math
from typing import Any

from flask import Response, make_response, render_template, request, url_for
from pydantic import ValidationError

from shared.bank.class_names import UnknownClass
from shared.core.errors import InvalidRequest, NotFound
from shared.jobs import archive, export
from shared.jobs.model import Job
from shared.jobs.notes import note_sentence
from shared.jobs.states import STEERING
from shared.ranking.model import Verdict
from web.api.items import projected
from web.context import services
from web.i18n import language
from web.pages import bp, class_names, suggestions
from web.schemas import Correction, ItemsQuery

PAGE = 48
LISTED = 50
#: Class names offered while one types a correction.
SUGGESTED = 5000
#: What each choice of the results' first row of filters means to the projection.
VIEWS: dict[str, dict[str, str]] = {
    "all": {},
    "label": {"verdict": Verdict.LABEL},
    "unsure": {"verdict": Verdict.UNSURE},
    "not_in_bank": {"verdict": Verdict.NOT_IN_BANK},
    "failed": {"status": "failed"},
}


@bp.get("/jobs")
def jobs() -> str:
    before = request.args.get("before", type=_finite)
    found = services().ledger.listed(LISTED, before)
    moving = any(not job.ended for job in found)
    following = found[-1].created if len(found) == LISTED else None
    template = "parts/job_rows.html" if request.headers.get("HX-Request") else "jobs.html"
    return render_template(template, jobs=found, moving=moving, following=following, before=before)


@bp.get("/jobs/<job_id>")
def job(job_id: str) -> str:
    found = services().ledger.find(job_id)
    known = suggestions(found.bank, SUGGESTED)
    return render_template("job.html", **(_progress(found) | _results(found)), known=known)


@bp.get("/jobs/<job_id>/progress")
def progress(job_id: str) -> Response:
    """Polled while the job moves; what is returned for an ended job asks no more, and tells the results to refresh."""
    found = services().ledger.find(job_id)
    response = make_response(render_template("parts/progress.html", **_progress(found)))
    if found.ended:
        response.headers["HX-Trigger-After-Settle"] = "job-ended"
    return response


@bp.post(f"/jobs/<job_id>/<any({', '.join(STEERING)}):verb>")
def steer(job_id: str, verb: str) -> str:
    found: Job = getattr(services().ledger, verb)(job_id)
    return render_template("parts/progress.html", **_progress(found))


@bp.delete("/jobs/<job_id>")
def delete(job_id: str) -> Response:
    archive.delete(services().settings, services().ledger, job_id)
    response = make_response("", 200)
    response.headers["HX-Redirect"] = url_for("pages.jobs")
    return response


@bp.get("/jobs/<job_id>/results")
def results(job_id: str) -> Response:
    found = services().ledger.find(job_id)
    shown = _results(found)
    template = "parts/more.html" if shown["query"].cursor else "parts/results.html"
    # The links to the exports stand outside of what is swapped, and follow the filters with it.
    response = make_response(render_template(template, **shown, swapped=True))
    if not shown["query"].cursor:
        response.headers["HX-Replace-Url"] = url_for("pages.job", job_id=job_id, **shown["filters"])
    return response


@bp.post("/jobs/<job_id>/items/<int(max=4294967295):index>")
def correct(job_id: str, index: int) -> str:
    found = services().ledger.find(job_id)
    try:
        wish = Correction(label=request.form.get("label") or None, new_class="new_class" in request.form)
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    question = None
    with projected(job_id) as projection:
        try:
            item = projection.correct(index, wish.label, language(), wish.new_class)
        except UnknownClass as unknown:
            # Nothing is stored: the card asks which class was meant.
            item = projection.item(index, language())
            question = {"label": wish.label, "near": [entry["label"] for entry in unknown.near]}
    names = class_names(found.bank)
    return render_template("parts/card.html", item=item, job=found, names=names, question=question)


def _finite(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _progress(job: Job) -> dict[str, Any]:
    ledger = services().ledger
    failures: dict[str, int] = {}
    if job.failed:
        with projected(job.id) as projection:
            failures = projection.summary()["failures"]
    ended = job.ended
    workers = [] if ended else [w for w in ledger.workers() if w.get("identity") in (None, job.identity)]
    note = note_sentence(job, language())
    return {"job": job, "ended": ended, "failures": failures, "workers": workers, "note": note}


def _results(job: Job) -> dict[str, Any]:
    view = request.args.get("view", "all")
    if view not in VIEWS:
        raise NotFound(what=view)
    try:
        query = ItemsQuery.model_validate(
            {**{k: request.args.get(k, "") for k in ("label", "code", "sort", "cursor")}, **VIEWS[view], "limit": PAGE}
        )
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    # The address may hold any name of a class; the list of classes shows which one it is.
    known = services().class_names(job.bank).resolve(query.label) if query.label else None
    query = query.model_copy(update={"label": known or query.label})
    with projected(job.id) as projection:
        items, following = projection.items(**query.model_dump(), lang=language())
        summary = projection.summary()
    wished = {"view": view, "label": query.label, "code": query.code, "sort": query.sort}
    filters = {k: v for k, v in wished.items() if v and v not in ("all", "index")}
    # What the links to the exports say: the same choice, in the words of the API.
    exported = {name: value for name, value in {**VIEWS[view], **filters}.items() if name != "view"}
    counts = {"all": job.ok + job.failed, "failed": sum(summary["failures"].values()), **summary["verdicts"]}
    return {
        "job": job,
        "ended": job.ended,
        "items": items,
        "following": following,
        "query": query,
        # The first page fills up before one's eyes; after that it stays as it is until the job ends.
        "filling": not job.ended and len(items) < PAGE,
        "view": view,
        "views": {name: counts.get(name, 0) for name in VIEWS},
        "filters": filters,
        "exported": exported,
        "filtered": bool(query.filters),
        "formats": export.FORMATS,
        "summary": summary,
        "names": class_names(job.bank),
    }
