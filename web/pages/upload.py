"""The start page: photos in, and the folder form."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.core.errors import InvalidRequest, Unavailable, WeftError
from shared.jobs.heartbeat import live_workers
from shared.jobs.intake.archives import ENDINGS
from shared.photos.clutter import SYSTEM_PATTERN
from shared.photos.formats import EXTENSIONS
from web.api.jobs import shown
from web.context import services
from web.hours_form import HOURS_FIELDS, local_time, window_text
from web.i18n import say
from web.pages import bp
from web.schemas import FolderJob, JobWish, UploadJob
from web.submissions import given_fields, submit_folder, submit_upload

RECENT = 4
#: Element → its template.
PARTS = {"bank-notice": "parts/bank_notice.html", "readiness": "parts/readiness.html", "recent": "parts/recent.html"}
#: Fields of the folder form.
FOLDER_FIELDS = ("path", "name", "preset", "not_before", "priority", "split", *HOURS_FIELDS)

Wish = TypeVar("Wish", bound=JobWish)


@bp.get("/")
def start() -> str:
    """The page; or one of its parts, which ask for themselves while what they say may change."""
    return _start(template=PARTS.get(request.headers.get("HX-Target", ""), "upload.html"))


@bp.post("/upload")
def upload() -> Response | tuple[str, int]:
    """The form without JavaScript; with it, the page posts to the API and shows progress."""
    try:
        job = submit_upload(_upload_job)
    except WeftError as error:
        return _start(upload_error=say(error.code, **error.detail)), error.status
    return redirect(url_for("pages.job", job_id=job.id), 303)


@bp.get("/folder")
def folder_form() -> str:
    """The folder form as it was sent, in another language: the link is on the page that says what was wrong."""
    return _start(form={name: request.args[name] for name in FOLDER_FIELDS if name in request.args})


@bp.get("/upload")
def upload_form() -> Response:
    """The start page in another language: a browser does not send files twice."""
    return redirect(url_for("pages.start", lang=request.args.get("lang")), 303)


@bp.post("/folder")
def folder() -> Response | tuple[str, int]:
    form = given_fields()
    try:
        job = submit_folder(_read(FolderJob, form))
    except WeftError as error:
        return _start(folder_error=say(error.code, **error.detail), form=form), error.status
    return redirect(url_for("pages.job", job_id=job.id), 303)


def _upload_job() -> UploadJob:
    return _read(UploadJob, given_fields())


def _read(model: type[Wish], form: dict[str, str]) -> Wish:
    """The form's times are the visitor's."""
    values: dict[str, str | datetime] = {name: form[name] for name in model.model_fields if name in form}
    try:
        values |= {name: local_time(form, name) for name in ("not_before", "deadline") if name in form}
        if window := window_text(form):
            values["window"] = window
        return model.model_validate(values)
    except (ValidationError, ValueError, OverflowError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InvalidRequest(reason=told) from error


def _start(template: str = "upload.html", **more: Any) -> str:
    settings = services().settings
    try:
        ledger = services().ledger
        recent, workers = [shown(job) | {"job": job} for job in ledger.listed(limit=RECENT)], live_workers(ledger)
    except Unavailable:
        recent, workers = [], None
    return render_template(
        template,
        recent=recent,
        workers=workers,
        roots=settings.roots,
        presets={"upload": settings.preset_for("upload"), "folder": settings.preset_for("folder")},
        extensions=sorted(EXTENSIONS),
        archives=ENDINGS,
        system=SYSTEM_PATTERN,
        limits={"files": settings.max_upload_files, "bytes": settings.max_upload_bytes},
        **more,
    )
