"""One job: its progress and its results."""

from __future__ import annotations

import time
from typing import Any

from flask import Response, g, make_response, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug import Response as BaseResponse

from shared.bank.class_names import UnknownClass
from shared.core.errors import InvalidRequest
from shared.jobs import archive
from shared.jobs.heartbeat import Heartbeat, live_workers
from shared.jobs.model import Job
from shared.jobs.notes import hours_sentence, left_out_sentence, note_sentence, place_sentence, workers_that_help
from shared.jobs.states import VERBS
from web.access.visitor import owner, visitor
from web.api.items import projected
from web.conditional import unchanged
from web.context import services
from web.i18n import language
from web.pages import bp, class_names, suggestions
from web.pages.card_addresses import CardAddresses
from web.pages.job_changes import offers
from web.pages.results import shown_results
from web.review_schemas import ReviewIn

#: Class names offered while one types a correction.
SUGGESTED = 5000
#: Seconds left from which on the time of the end is told, and not only how long it still takes.
FORECAST_SECONDS = 180.0


@bp.get("/jobs/<job_id>")
def job(job_id: str) -> str:
    found = services().ledger.find(job_id)
    known = suggestions(found.bank, SUGGESTED)
    return render_template("job.html", **(_progress(found) | shown_results(found) | offers(found)), known=known)


@bp.get("/jobs/<job_id>/progress")
def progress(job_id: str) -> Response:
    """Polled while the job moves; what is returned for an ended job asks no more, and tells the results to refresh."""
    found = services().ledger.find(job_id)
    if same := unchanged(found, found.late, [] if found.ended else [worker.state for worker in _workers(found)]):
        return same
    response = make_response(render_template("parts/progress.html", **_progress(found)))
    if found.ended:
        response.headers["HX-Trigger-After-Settle"] = "job-ended"
    return response


@bp.post(f"/jobs/<job_id>/<any({', '.join(VERBS)}):verb>")
def steer(job_id: str, verb: str) -> str:
    return render_template("parts/progress.html", **_progress(services().ledger.steer(job_id, verb)))


@bp.delete("/jobs/<job_id>")
def delete(job_id: str) -> Response:
    archive.delete(services().settings, services().ledger, job_id)
    response = make_response("", 200)
    response.headers["HX-Redirect"] = url_for("pages.jobs")
    return response


@bp.post("/jobs/<job_id>/items/<int(max=4294967295):index>")
def correct(job_id: str, index: int) -> str | BaseResponse:
    """Review one photo: its card, or without scripts the page again."""
    found = services().ledger.find(job_id)
    try:
        wish = ReviewIn(
            label=request.form.get("label") or None,
            review=request.form.get("review") or None,  # type: ignore[arg-type]
            new_class="new_class" in request.form,
        )
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    question = None
    with projected(job_id) as projection:
        try:
            item = projection.review(index, wish.wish, owner(), language())
        except UnknownClass as unknown:
            if "HX-Request" not in request.headers:
                raise
            # Nothing is stored: the card asks which class was meant.
            g.unchanged = True
            item = projection.item(index, language())
            question = {"label": wish.label, "near": [entry.label for entry in unknown.near]}
    services().reviewed(job_id)
    if "HX-Request" not in request.headers:
        place: dict[str, Any] = {"from": request.form.get("from", 1, int)}
        return redirect(url_for("pages.job", job_id=job_id, **place), 303)
    names, to = class_names(found.bank), CardAddresses(found, {})
    return render_template("parts/one_card.html", item=item, job=found, names=names, to=to, question=question)


def _workers(job: Job) -> list[Heartbeat]:
    """Those that could classify the job's photos, or may once they have loaded."""
    return [w for w in live_workers(services().ledger) if w.identity in (None, job.identity)]


def _progress(job: Job) -> dict[str, Any]:
    failures: dict[str, int] = {}
    if job.failed:
        with projected(job) as projection:
            failures = projection.counts.failures()
    ended = job.ended
    workers = [] if ended else _workers(job)
    note = note_sentence(job, language())
    # The last one first: ending the job is the button farthest to the right.
    found = visitor()
    own = found is not None and found.may_steer(job)
    verbs = {verb: VERBS[verb] for verb in reversed(job.offered)} if own else {}
    left = job.estimate.done_at - time.time() if job.estimate else job.eta
    return {
        "job": job,
        "ended": ended,
        "left": left,
        # Sooner than that, the time left says it better.
        "forecast": job.estimate if left and left >= FORECAST_SECONDS else None,
        "verbs": verbs,
        "own": own,
        "failures": failures,
        "workers": workers,
        "note": note,
        "helping": workers_that_help(job),
        "hours": hours_sentence(job, language()),
        "in_line": place_sentence(job, language()),
        "left_out": left_out_sentence(job.left_out, language()),
    }
