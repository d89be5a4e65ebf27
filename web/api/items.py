"""A job's items: list, review, and their thumbnails."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import asdict
from typing import Any, TypedDict

from apiflask import APIBlueprint
from flask import Response, abort, g, request

from shared.core.errors import Unavailable
from shared.jobs.model import Job
from shared.jobs.projection import Projection, caught_up
from shared.jobs.result_rows import public
from shared.jobs.reviews import ReviewAct
from shared.jobs.shown import ShownItem
from shared.storage.names import LARGE
from web.access.visitor import owner
from web.conditional import unchanged
from web.context import Services, services
from web.i18n import language
from web.job_files import written
from web.review_schemas import ReviewActOut, ReviewActs, ReviewDoneOut, ReviewIn, ReviewManyIn
from web.review_words import review_sentence
from web.schemas import (
    ItemOut,
    ItemPage,
    ItemsQuery,
    PictureQuery,
    file_response,
)

_SHA256 = re.compile("[0-9a-f]{64}")
#: Photos that the filter `like` lets through.
MOST_SIMILAR = 500
#: Seconds that a page of a job that goes on spends at most on outcomes that the dispatcher has not written yet.
_BEHIND_SECONDS = 0.05
FOREVER = "private, max-age=31536000, immutable"

bp = APIBlueprint("items", __name__, tag="Items")


def projected(asked: str | Job) -> closing[Projection]:
    """`with projected(id) as projection:` the job's outcomes up to now; raises `NotFound`, `Unavailable`.

    A job that was asked for a moment ago need not be asked for again.
    """
    at = services()
    # Asked first: opening a projection makes its file.
    job = asked if isinstance(asked, Job) else at.ledger.find(asked)
    seconds = None if job.ended else _BEHIND_SECONDS
    names = at.class_names(job.bank)
    try:
        return caught_up(at.settings, at.ledger, job.id, names, lambda item: _like(at, job, item), seconds)
    except sqlite3.DatabaseError as error:
        raise Unavailable("projection_damaged", retry_after=30, reason=str(error)) from error


def _like(at: Services, job: Job, item: int) -> list[int]:
    """Positions of the job's photos that look most like one of them, itself first; kept, since a page asks often.

    `at` is given: an export is written when the request's context is gone.
    """

    def found() -> list[int]:
        return [match.item for match in at.similar.like_photo(job.id, item, [job.id], MOST_SIMILAR).found]

    return at.orders.get(job, ("like", item), written(job.id, at.settings), found)


class ItemListing(TypedDict):
    items: list[ShownItem]
    next: str | None


@bp.get("/jobs/<job_id>/items")
@bp.input(ItemsQuery, location="query", arg_name="query")
@bp.output(ItemPage)
def index(job_id: str, query: ItemsQuery) -> ItemListing | Response:
    """Results so far, filtered and paged. With `If-None-Match`: 304 while nothing has changed."""
    ledger = services().ledger
    job = ledger.find(job_id)
    # What is shown of a review depends on the classes of the active bank.
    if same := unchanged(job, written(job_id), services().active_beside(job.bank)):
        return same
    if job.kind == "classify" and not job.archived and query == ItemsQuery():
        found = ledger.results(job_id)
        if len(found) <= query.limit:
            return {"items": [public(result, language()) for result in found], "next": None}
    with projected(job) as projection:
        items, following = projection.items(query.filters, query.sort, query.cursor, query.limit, language())
    return {"items": items, "next": following}


@bp.patch("/jobs/<job_id>/items/<int(max=4294967295):item>")
@bp.input(ReviewIn, location="json", arg_name="review")
@bp.output(ItemOut)
def correct(job_id: str, item: int, review: ReviewIn) -> ShownItem:
    """Say what an item really is, by any name of a class, or that the prediction is right or the photo no fabric; the
    prediction is kept. 409 `unknown_class`: no class has this name; send it again with `new_class` if one is to be
    made."""
    with projected(job_id) as projection:
        found = projection.review(item, review.wish, owner(), language())
    services().reviewed(job_id)
    return found


@bp.post("/jobs/<job_id>/reviews")
@bp.input(ReviewManyIn, location="json", arg_name="review")
@bp.output(ReviewDoneOut)
def review_many(job_id: str, review: ReviewManyIn) -> dict[str, Any]:
    """Review many items in one act, which can be undone: those of `items`, or all that `filters` let through."""
    chosen = (review.items or []) if review.filters is None else review.filters.filters
    with projected(job_id) as projection:
        act = projection.review_many(chosen, review.wish, owner(), review.preview)
    if review.preview:
        g.unchanged = True
    else:
        services().reviewed(job_id)
    names = services().class_names(services().ledger.find(job_id).bank)
    classes = [{"label": label, "photos": photos} for label, photos in act.classes.items()]
    return asdict(act) | {"classes": classes, "message": review_sentence(act, names)}


@bp.get("/jobs/<job_id>/reviews")
@bp.output(ReviewActs)
def reviews(job_id: str) -> dict[str, list[ReviewAct]]:
    """The last acts of review that can be undone, the newest first."""
    with projected(job_id) as projection:
        return {"acts": projection.reviews.acts()}


@bp.post("/jobs/<job_id>/reviews/<int(max=9007199254740991):act>/undo")
@bp.output(ReviewActOut)
def undo_review(job_id: str, act: int) -> ReviewAct:
    """Undo an act: what stood before it is restored; photos that were reviewed again since keep the newer review."""
    with projected(job_id) as projection:
        undone = projection.reviews.undo(act)
    services().reviewed(job_id)
    return undone


@bp.get("/jobs/<job_id>/items/<int(max=4294967295):item>/thumbnail")
@bp.doc(responses=file_response("A JPEG, 240 pixels", "image/jpeg"))
def thumbnail(job_id: str, item: int) -> Response:
    """A small picture of an item, once a worker has read it."""
    # A photo never changes: whoever has its thumbnail has the right one, and no results file is opened.
    if same := unchanged():
        return same
    with projected(job_id) as projection:
        sha256 = projection.item(item)["sha256"]
    jpeg = services().storage.thumb(sha256) if sha256 else None
    if jpeg is None:
        abort(404)
    return picture(jpeg)


@bp.get("/thumbnails/<string(length=64):sha256>")
@bp.input(PictureQuery, location="query", arg_name="query")
@bp.doc(responses=file_response("A JPEG, 240 pixels; with `large` 480 where there is one", "image/jpeg"))
def photo_thumbnail(sha256: str, query: PictureQuery) -> Response:
    """The thumbnail of the photo with this SHA-256, whatever jobs it is in; neither Redis nor SQLite is asked."""
    if not _SHA256.fullmatch(sha256):
        abort(404)
    storage = services().storage
    if query.large and (large := kept(f"{sha256}{LARGE}")):
        return large
    if query.large and (jpeg := storage.thumb(sha256, large=True)):
        return picture(jpeg, f"{sha256}{LARGE}")
    if same := kept(sha256):
        return same if not query.large else _for_now(same)
    if (jpeg := storage.thumb(sha256)) is None:
        abort(404)
    return picture(jpeg, sha256) if not query.large else _for_now(picture(jpeg, sha256))


def _for_now(small: Response) -> Response:
    """In the place of a large one, which comes when the photo is decoded again."""
    small.headers["Cache-Control"] = "private, max-age=600"
    return small


def kept(tag: str) -> Response | None:
    """The 304 for a client that has the picture of this tag."""
    if not request.if_none_match.contains_weak(tag):
        return None
    response = Response(status=304)
    response.set_etag(tag)
    response.headers["Cache-Control"] = FOREVER
    return response


def picture(jpeg: bytes, tag: str | None = None) -> Response:
    """A picture that never changes at its address; `tag` where its content has a name already."""
    response = Response(jpeg, content_type="image/jpeg")
    response.headers["Cache-Control"] = FOREVER
    if tag is None:
        response.add_etag()
    else:
        response.set_etag(tag)
    response.make_conditional(request)
    return response
