"""Uploads in many requests, which survive a lost connection, a reload and a restart of the server."""

from __future__ import annotations

import re
from typing import Any

from apiflask import APIBlueprint
from flask import g, request

from shared.core.errors import InvalidRequest
from shared.core.names import display_name
from shared.jobs.intake import archives
from shared.jobs.intake.uploads import Uploads
from shared.jobs.ledger.uploads import Upload, UploadedFile
from shared.jobs.shown import ShownJob
from web.access.visitor import owner
from web.api.jobs import shown
from web.context import services
from web.schemas import JobOut, UploadJob
from web.submissions import asked, made
from web.upload_schemas import Finished, Join, Offer, Offered, Parts, Resumed, UploadFiles, UploadOut
from web.uploads import uploaded

bp = APIBlueprint("uploads", __name__, tag="Uploads")
_POSITIONS = re.compile(r"\d{1,9}(,\d{1,9}){0,9999}")
_SENDER = re.compile(r"\d{1,9}")


def uploads() -> Uploads:
    at = services()
    return Uploads(at.settings, at.ledger, at.storage)


def _found(upload: str) -> Upload:
    return uploads().find(upload, owner())


@bp.post("/uploads")
@bp.input(UploadJob, location="json", arg_name="wish")
@bp.output(UploadOut, status_code=201)
def begin(wish: UploadJob) -> Upload:
    """Begin an upload in many requests: `offer` files, send those that are `missing`, then `finish`. It expires some
    time after its last file (`WEFT_UPLOAD_HOURS`), and its files with it."""
    opened = uploads().open(services().intake(), asked(wish))
    g.acted_on = opened.id
    return opened


@bp.get("/uploads/<upload>")
@bp.output(UploadOut)
def one(upload: str) -> Upload:
    """How far an upload is. 404 `upload_gone`: begin another one; photos that are stored are not sent again."""
    return _found(upload)


@bp.get("/uploads/<upload>/files")
@bp.output(UploadFiles)
def files(upload: str) -> dict[str, list[UploadedFile]]:
    """The files that have arrived, by position: a sender that has lost its state compares names and SHA-256."""
    return {"files": uploads().records.files(_found(upload).id)}


@bp.post("/uploads/<upload>/resume")
@bp.output(Resumed)
def resume(upload: str) -> dict[str, Any]:
    """Continue an upload without knowing what was sent: the `files` that have arrived, by position, and the `sender`
    number to name from now on. Requests of earlier senders that are still on their way are refused with 409
    `upload_taken_over`, so that no file arrives under two positions."""
    g.unchanged = True
    sender, files = uploads().take_over(_found(upload))
    return {"sender": sender, "files": files}


@bp.post("/uploads/<upload>/offer")
@bp.input(Offer, location="json", arg_name="offer")
@bp.output(Offered)
def offer(upload: str, offer: Offer) -> dict[str, list[int]]:
    """Offer files by name, size and SHA-256; those that are stored already count as arrived. `missing`: positions of
    those that have to be sent."""
    # Of an upload, the log has its begin and its end.
    g.unchanged = True
    wanted = [
        UploadedFile(f.position, display_name(f.name), f.sha256, f.size, archives.is_archive(f.name, None))
        for f in offer.files
    ]
    return {"missing": uploads().offer(_found(upload), wanted, offer.sender)}


@bp.post("/uploads/<upload>/photos")
@bp.output(UploadFiles)
def receive(upload: str) -> dict[str, list[UploadedFile]]:
    """Send some files; `positions` has theirs, joined by commas, in the order of `files`. A position tells a file from
    all others of the upload, and may be sent again. 409 `upload_taken_over`: `resume` was called since by another
    `sender` than the one that is named."""
    g.unchanged = True
    found = _found(upload)
    services().intake(request.content_length or 0)
    sent = uploaded("files")
    given = request.form.get("positions", "")
    if not _POSITIONS.fullmatch(given):
        raise InvalidRequest(reason="positions")
    sender = request.form.get("sender")
    if sender is not None and not _SENDER.fullmatch(sender):
        raise InvalidRequest(reason="sender")
    positions = [int(place) for place in given.split(",")]
    return {"files": uploads().receive(found, positions, sent, None if sender is None else int(sender))}


@bp.get("/uploads/<upload>/parts")
@bp.output(Parts)
def parts(upload: str) -> dict[str, list[dict[str, Any]]]:
    """Parts of large files that have arrived: those need not be sent again."""
    return _shown(uploads().records.parts(_found(upload).id))


@bp.post("/uploads/<upload>/parts")
@bp.output(Parts)
def add_parts(upload: str) -> dict[str, list[dict[str, Any]]]:
    """Send parts of a large file, as `files`, in requests of their own, so that a link that is cut costs one of them. A
    part is known by its SHA-256, and has at most 64 MiB."""
    g.unchanged = True
    found = _found(upload)
    services().intake(request.content_length or 0)
    return _shown(uploads().add_parts(found, uploaded("files")))


def _shown(parts: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    return {"parts": [{"sha256": sha256, "size": size} for sha256, size in parts.items()]}


@bp.post("/uploads/<upload>/join")
@bp.input(Join, location="json", arg_name="join")
@bp.output(UploadFiles)
def join(upload: str, join: Join) -> dict[str, list[UploadedFile]]:
    """Make a file of its parts; from then on it is as if it had been sent whole. 409 `upload_incomplete`: a part is not
    there."""
    g.unchanged = True
    return {"files": uploads().join(_found(upload), join.position, join.name, join.parts, join.sender)}


@bp.post("/uploads/<upload>/finish")
@bp.input(Finished, location="json", arg_name="finished")
@bp.output(JobOut, status_code=202)
def finish(upload: str, finished: Finished) -> ShownJob:
    """All `files` have been sent: make the job, its photos by position. Again, it gives the same job. 409
    `upload_incomplete`: another number of files has arrived."""
    return shown(made(uploads().finish(services().intake(), _found(upload), finished.files)))


@bp.delete("/uploads/<upload>")
@bp.output({}, status_code=204)
def discard(upload: str) -> tuple[str, int]:
    """Discard an upload and its files."""
    uploads().discard(_found(upload).id)
    g.acted_on = upload
    return "", 204


def bodies() -> dict[str, tuple[dict[str, Any], str]]:
    """For OpenAPI: multipart bodies, which are read as streams."""
    binary = {"type": "string", "format": "binary"}
    text = {"type": "string", "pattern": _POSITIONS.pattern}
    sender = {"type": "string", "pattern": _SENDER.pattern}
    files = {"type": "array", "items": binary}
    return {
        "/api/v1/uploads/{upload}/photos": ({"files": files, "positions": text, "sender": sender}, "files"),
        "/api/v1/uploads/{upload}/parts": ({"files": files}, "files"),
    }
