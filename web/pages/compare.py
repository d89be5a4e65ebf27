"""Two jobs side by side: which answers differ."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug import Response

from shared.core.errors import InvalidRequest
from shared.jobs.comparison import CHANGED
from shared.jobs.model import Job
from web.api.comparison import comparison, page
from web.context import services
from web.job_schemas import CompareQuery
from web.pages import bp, class_names
from web.pages.card_addresses import CardAddresses


@bp.get("/jobs/<job_id>/compare")
def compare(job_id: str) -> Response:
    """Leads to the comparison with the job `with`, the older one first."""
    jobs = [services().ledger.find(one) for one in (job_id, request.args.get("with", ""))]
    first, second = sorted(jobs, key=lambda job: job.created)
    return redirect(url_for("pages.compared", job_id=first.id, other=second.id), 303)


@bp.get("/jobs/<job_id>/compare/<other>")
def compared(job_id: str, other: str) -> str:
    first, second = services().ledger.find(job_id), services().ledger.find(other)
    try:
        given = {name: value for name in ("change", "start") if (value := request.args.get(name))}
        query = CompareQuery.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    found = comparison(first, second)
    part = page(first, second, found, query)
    more: dict[str, Any] = {"change": query.change} if query.change else {}
    return render_template(
        "compare.html",
        first=_side(first),
        second=_side(second),
        found=found,
        changed_kinds=CHANGED,
        query=query,
        more=more,
        photos=part["items"],
        following=part["next"],
        previous=max(0, query.start - query.limit) if query.start else None,
    )


def _side(job: Job) -> dict[str, Any]:
    return {"job": job, "names": class_names(job.bank), "to": CardAddresses(job, {})}
