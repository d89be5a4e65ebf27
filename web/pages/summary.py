"""A job on one page, to look at and to print."""

from __future__ import annotations

from flask import render_template, request, url_for

from web.api.summary import shown_summary
from web.context import services
from web.pages import bp


@bp.get("/jobs/<job_id>/summary")
def summary(job_id: str) -> str:
    job = services().ledger.find(job_id)
    asked = request.args.get("alike") == "true"
    shown = shown_summary(job, lambda sha256: url_for("items.photo_thumbnail", sha256=sha256), asked)
    return render_template("summary.html", **shown)
