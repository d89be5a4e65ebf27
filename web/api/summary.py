"""A job's summary, as one file that holds its pictures; pages show the same."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Response, render_template

from shared.jobs.job_summary import JobSummary, summarise
from shared.jobs.model import Job
from web.api.exports import class_names, download_name
from web.api.items import bp, projected
from web.context import services
from web.i18n import language
from web.job_files import written
from web.schemas import file_response

#: Bytes of the pictures in a file; what comes after is shown without one.
MOST_BYTES = 12_000_000
_STYLE = Path(__file__).parents[1] / "static" / "css" / "summary.css"


def shown_summary(job: Job, picture: Callable[[str], str | None]) -> dict[str, Any]:
    """What the template shows; `picture` gives the address of a thumbnail by the photo's SHA-256."""
    lang = language()

    def made() -> JobSummary:
        with projected(job.id) as projection:
            return summarise(projection, lang)

    state = (*written(job.id), id(services().class_names(job.bank)))
    found = services().counts.get(job, ("summary page", lang), state, made)
    return {"job": job, "found": found, "names": class_names(job, lang), "picture": picture}


@bp.get("/jobs/<job_id>/summary.html")
@bp.doc(responses=file_response("The file", "text/html"))
def summary_file(job_id: str) -> Response:
    """A job on one page, as one HTML file that holds its pictures: classes with six photos each, the least certain
    photos, and what failed."""
    job = services().ledger.find(job_id)
    response = Response(file(job), content_type="text/html; charset=utf-8")
    download_name(response, f"{job.name} {job.id}.html".replace("/", "-"), f"summary-{job.id}.html")
    response.headers["Content-Security-Policy"] = (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    return response


def file(job: Job) -> str:
    """One HTML file that needs nothing else."""
    left = MOST_BYTES

    def embedded(sha256: str) -> str | None:
        nonlocal left
        jpeg = services().storage.thumb(sha256)
        if jpeg is None or len(jpeg) > left:
            return None
        left -= len(jpeg)
        return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"

    style = _STYLE.read_text(encoding="utf-8")
    return render_template("summary_file.html", style=style, **shown_summary(job, embedded))
