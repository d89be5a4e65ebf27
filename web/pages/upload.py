"""The start page: photos in, and the folder form."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.core.errors import InvalidRequest, Unavailable, WeftError
from shared.photos.formats import EXTENSIONS
from web.api.jobs import shown
from web.context import services
from web.i18n import say
from web.pages import bp
from web.schemas import FolderJob, JobWish, UploadJob
from web.submissions import submit_folder, submit_upload

RECENT = 4

Wish = TypeVar("Wish", bound=JobWish)


@bp.get("/")
def start() -> str:
    return _start()


@bp.post("/upload")
def upload() -> Response | tuple[str, int]:
    """The form without JavaScript; with it, the page posts to the API and shows progress."""
    try:
        job = submit_upload(_upload_job)
    except WeftError as error:
        return _start(upload_error=say(error.code, **error.detail)), error.status
    return redirect(url_for("pages.job", job_id=job.id), 303)


@bp.post("/folder")
def folder() -> Response | tuple[str, int]:
    form = {name: value for name, value in request.form.items() if value}
    try:
        wish = _folder_job(form)
        job = submit_folder(wish.path, wish.name, wish.preset, wish.not_before)
    except WeftError as error:
        return _start(folder_error=say(error.code, **error.detail), form=form), error.status
    return redirect(url_for("pages.job", job_id=job.id), 303)


def _folder_job(form: dict[str, str]) -> FolderJob:
    return _read(FolderJob, form)


def _upload_job() -> UploadJob:
    return _read(UploadJob, {name: value for name, value in request.form.items() if value})


def _read(model: type[Wish], form: dict[str, str]) -> Wish:
    """The form's time is the visitor's; `timezone` holds its offset from UTC in minutes, as in JavaScript."""
    values: dict[str, Any] = {name: form[name] for name in model.model_fields if name in form}
    try:
        if "not_before" in form:
            local = datetime.fromisoformat(form["not_before"])
            zone = timezone(timedelta(minutes=-int(form["timezone"]))) if "timezone" in form else None
            values["not_before"] = local.replace(tzinfo=zone)
        return model(**values)
    except (ValidationError, ValueError, OverflowError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InvalidRequest(reason=told) from error


def _start(**more: Any) -> str:
    settings = services().settings
    try:
        ledger = services().ledger
        recent, workers = [shown(job) | {"job": job} for job in ledger.listed(limit=RECENT)], ledger.workers()
    except Unavailable:
        recent, workers = [], None
    return render_template(
        "upload.html",
        recent=recent,
        workers=workers,
        roots=settings.roots,
        presets={"upload": settings.preset_for("upload"), "folder": settings.preset_for("folder")},
        extensions=sorted(EXTENSIONS),
        limits={"files": settings.max_upload_files, "bytes": settings.max_upload_bytes},
        **more,
    )
