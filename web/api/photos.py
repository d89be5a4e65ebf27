"""The photos of a job's items, large."""

from __future__ import annotations

from pathlib import Path

from flask import Response, abort, request

from shared.core.errors import NotFound, PhotoError
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem
from shared.jobs.splitting import Cutout
from shared.photos.box import Box
from shared.photos.regular_files import open_regular
from shared.photos.viewing import Picture
from web.api.items import bp, projected
from web.context import Services, services
from web.schemas import file_response


@bp.get("/jobs/<job_id>/items/<int(max=4294967295):item>/photo")
@bp.doc(responses=file_response("The photo", "image/jpeg", "image/png", "image/webp", "image/gif"))
def photo(job_id: str, item: int) -> Response:
    """An item's photo as browsers show it: the file itself, or a JPEG of at most 1,600 pixels where they cannot.

    404 where the photo is not to be had: its folder is not within this server's reach, or its upload was deleted.
    """
    with projected(job_id) as projection:
        found = projection.item(item)
    sha256 = found["sha256"]
    if sha256 is None:
        abort(404)
    # A file in a folder may be replaced; what was sent is the photo of this SHA-256 as far as anybody has asked.
    etag = f"{sha256[:32]}-photo"
    if request.if_none_match.contains(etag):
        return Response(status=304)
    at = services()
    response = _sent(at.viewer.picture(photo_bytes(at, at.ledger.find(job_id), found)))
    response.set_etag(etag)
    return response


@bp.get("/jobs/<job_id>/items/<int(max=4294967295):item>/card")
@bp.doc(responses=file_response("The photo", "image/jpeg", "image/png", "image/webp", "image/gif"))
def card(job_id: str, item: int) -> Response:
    """The photo of the whole card that a swatch was cut out of, as browsers show it; `part` of the item says where.

    404 where the item is no swatch, and where the photo is not to be had.
    """
    with projected(job_id) as projection:
        found = projection.item(item)
    at = services()
    return _sent(at.viewer.picture(card_bytes(at, at.ledger.find(job_id), found)))


def photo_bytes(at: Services, job: Job, item: ShownItem) -> bytes:
    """The file of a job's photo, or a JPEG of a swatch that has none; aborts with 404 where it is not to be had.

    Raises PhotoError: the card of a swatch cannot be decoded.
    """
    if cut := Cutout.to_cut(item):
        return at.viewer.part(_bytes(at, job, cut.card, cut.whole), Box(*cut.box)).data
    if item["sha256"] is None:
        abort(404)
    return _bytes(at, job, item["name"], item["sha256"])


def card_bytes(at: Services, job: Job, item: ShownItem) -> bytes:
    """The photo of the card that a swatch was cut out of; aborts with 404 where it is not to be had."""
    if not (part := Cutout.shown(item)):
        abort(404)
    return _bytes(at, job, part.card, part.whole)


def _bytes(at: Services, job: Job, name: str, sha256: str) -> bytes:
    try:
        if job.path is None:
            return at.storage.read(sha256)
        with open_regular(Path(job.path) / name, at.settings.roots) as file:
            data = file.read(at.settings.max_photo_bytes + 1)
    except (OSError, NotFound, PhotoError):
        abort(404)
    if len(data) > at.settings.max_photo_bytes:
        abort(404)
    return data


def _sent(picture: Picture) -> Response:
    response = Response(picture.data, content_type=picture.media_type)
    response.headers["Cache-Control"] = "private, max-age=86400"
    # The bytes are a stranger's: whatever they are, they are a picture and nothing else.
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
