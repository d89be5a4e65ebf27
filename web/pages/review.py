"""Review, full screen: one photo after another beside its evidence, answered with one key."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for

from shared.jobs.model import Job
from web.api.items import projected
from web.context import services
from web.i18n import language
from web.pages import bp, class_names
from web.pages.results import choice

#: Photos that are sent at a time; the next ones are asked for before the last is reached.
BATCH = 20


@bp.get("/jobs/<job_id>/review")
def review(job_id: str) -> str:
    job = services().ledger.find(job_id)
    template = "parts/review_items.html" if request.headers.get("HX-Request") else "review.html"
    return render_template(template, **_queue(job))


def _queue(job: Job) -> dict[str, Any]:
    chosen = choice(job, BATCH)
    query, filters = chosen.query, chosen.address
    at = request.args.get("at", type=int)
    before = 0
    with projected(job.id) as projection:
        cursor = query.cursor
        if at is not None:
            before, cursor = projection.place(at, query.filters, query.sort)
        items, following = projection.items(query.filters, query.sort, cursor, query.limit, language())
        total = projection.count(query.filters)
    place: dict[str, Any] = {"from": before + 1} if at is not None else {}
    return {
        "job": job,
        "items": items,
        "before": before,
        "total": total,
        "filters": filters,
        "next": following and url_for("pages.review", job_id=job.id, cursor=following, **filters),
        "back": url_for("pages.job", job_id=job.id, **filters, **place),
        "names": class_names(job.bank),
        "version": job.bank,
    }
