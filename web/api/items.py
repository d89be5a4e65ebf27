"""A job's items: list, correct, export, and their thumbnails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

from apiflask import APIBlueprint
from flask import Response, abort, request

from shared.core.errors import Unavailable
from shared.jobs import export
from shared.jobs.model import Job
from shared.jobs.projection import Projection, caught_up
from shared.jobs.result_rows import public
from web.context import services
from web.i18n import language
from web.schemas import Correction, ExportQuery, ItemOut, ItemPage, ItemsQuery, file_response

bp = APIBlueprint("items", __name__, tag="Items")


def projected(job_id: str) -> closing[Projection]:
    """`with projected(id) as projection:` the job's outcomes up to now; raises `NotFound`, `Unavailable`."""
    at = services()
    # Asked first: opening a projection makes its file.
    job = at.ledger.find(job_id)
    try:
        return caught_up(at.settings, at.ledger, job_id, at.class_names(job.bank))
    except sqlite3.DatabaseError as error:
        raise Unavailable("projection_damaged", retry_after=30, reason=str(error)) from error


@bp.get("/jobs/<job_id>/items")
@bp.input(ItemsQuery, location="query", arg_name="query")
@bp.output(ItemPage)
def index(job_id: str, query: ItemsQuery) -> dict[str, Any]:
    """Results so far, filtered and paged."""
    ledger = services().ledger
    job = ledger.find(job_id)
    if job.kind == "classify" and not job.archived and query == ItemsQuery():
        found = ledger.results(job_id)
        if len(found) <= query.limit:
            return {"items": [public(result, language()) for result in found], "next": None}
    with projected(job_id) as projection:
        items, following = projection.items(**query.model_dump(), lang=language())
    return {"items": items, "next": following}


@bp.patch("/jobs/<job_id>/items/<int(max=4294967295):item>")
@bp.input(Correction, location="json", arg_name="correction")
@bp.output(ItemOut)
def correct(job_id: str, item: int, correction: Correction) -> dict[str, Any]:
    """Say what an item really is, by any name of a class; the prediction is kept. 409 `unknown_class`: no class has
    this name; send it again with `new_class` if one is to be made."""
    with projected(job_id) as projection:
        return projection.correct(item, correction.label, language(), correction.new_class)


@bp.get("/jobs/<job_id>/export")
@bp.input(ExportQuery, location="query", arg_name="query")
@bp.doc(responses=file_response("The file", *export.MEDIA_TYPES.values()))
def exported(job_id: str, query: ExportQuery) -> Response:
    """The results of a job, or those that the filters let through, as one streamed file."""
    export.require(query.format)
    job = services().ledger.find(job_id)
    response = Response(_stream(job, projected(job_id), query), content_type=export.MEDIA_TYPES[query.format])
    name = export.file_name(job, query.format, bool(query.filters), language())
    english = export.file_name(job, query.format, bool(query.filters), "en")
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in english)
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    return response


def _stream(job: Job, projected: closing[Projection], query: ExportQuery) -> Iterator[bytes]:
    lang = language()

    def rows() -> Iterator[bytes]:
        with projected as projection:
            yield from export.stream(job, projection, query.format, lang, query.filters, query.sort)

    return rows()


@bp.get("/jobs/<job_id>/items/<int(max=4294967295):item>/thumbnail")
@bp.doc(responses=file_response("A JPEG, 240 pixels", "image/jpeg"))
def thumbnail(job_id: str, item: int) -> Response:
    """A small picture of an item, once a worker has read it."""
    with projected(job_id) as projection:
        sha256 = projection.item(item)["sha256"]
    jpeg = services().storage.thumb(sha256) if sha256 else None
    if jpeg is None:
        abort(404)
    return picture(jpeg)


def picture(jpeg: bytes) -> Response:
    """A picture that never changes at its address."""
    response = Response(jpeg, content_type="image/jpeg")
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    response.add_etag()
    response.make_conditional(request)
    return response
