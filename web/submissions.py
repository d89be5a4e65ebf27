"""Turns the request at hand into a submission: its text fields, files and Idempotency-Key."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import g, request
from pydantic import ValidationError

from shared.core.errors import InvalidRequest
from shared.core.names import MAX_TITLE
from shared.jobs.intake.idempotency import RequestKey
from shared.jobs.intake.submission import Wish
from shared.jobs.model import ItemResult, Job
from web.access.visitor import owner
from web.context import services
from web.job_schemas import Rerun
from web.schemas import FolderJob, JobWish, NewJob, UploadJob
from web.uploads import uploaded

MAX_KEY = 200
#: Seconds between looks at the ledger for a photo that somebody waits for.
POLL = 0.02


def submit_upload(read_wish: Callable[[], UploadJob] | None = None) -> Job:
    """The job of the multipart request at hand. Raises as `Intake.submit_files`."""
    # Before the body is read: where there is no room, nobody waits for the upload to arrive.
    intake = services().intake(_incoming())
    wish = (read_wish or upload_wish)()
    return made(intake.submit_files(uploaded("files"), asked(wish), request_key()))


def submit_photo() -> Job:
    """One photo that somebody waits for. Raises as `Intake.classify`."""
    intake = services().intake(_incoming())
    wish = Wish(preset=request.form.get("preset"), owner=owner(), bank=request.form.get("bank", "").strip() or None)
    return made(intake.classify(uploaded("file")[:1], wish, request_key(), one=True))


def awaited(job_id: str, until: float) -> ItemResult | None:
    """The result of a job of one photo, for which this waits; None: there is none until then (`time.monotonic`)."""
    ledger = services().ledger
    while True:
        if found := ledger.results(job_id):
            return found[0]
        if time.monotonic() >= until:
            return None
        time.sleep(POLL)


def submit_folder(wish: FolderJob) -> Job:
    """A folder below an allowed root. Raises as `Intake.submit_folder`."""
    return made(services().intake().submit_folder(wish.path, asked(wish), request_key()))


def repeat(job_id: str, wish: Rerun) -> Job:
    """The photos of a job once more. Raises NotFound, and as `Intake.repeat`."""
    return made(services().intake().repeat(services().ledger.find(job_id), asked(wish), request_key()))


def request_key() -> RequestKey:
    """The request's Idempotency-Key, which is its owner's: nobody gets another's job by guessing theirs.

    Raises InvalidRequest.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY:
        raise InvalidRequest(reason=f"Idempotency-Key: at most {MAX_KEY} characters")
    by = owner()
    return RequestKey(f"{by}\n{key}" if key and by else key or None)


def upload_wish() -> UploadJob:
    """The text fields of the multipart request at hand. Raises InvalidRequest."""
    try:
        return UploadJob.model_validate(given_fields())
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(reason=f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def given_fields() -> dict[str, str]:
    """The text fields of the form at hand; empty ones count as left out, and a long name is cut."""
    given = {name: value for name, value in request.form.items() if value.strip()}
    if "name" in given:
        given["name"] = given["name"].strip()[:MAX_TITLE]
    return given


def _incoming() -> int:
    """Bytes that are about to arrive; 0 for a body over the limit, which is refused when it is read."""
    length, limit = request.content_length or 0, request.max_content_length
    return 0 if limit is not None and length > limit else length


def asked(wish: JobWish) -> Wish:
    """The wish of whoever sends the request at hand."""
    more = (wish.priority, wish.window, wish.deadline)
    split = wish.split if isinstance(wish, NewJob) else None
    return Wish(wish.name, wish.preset, wish.not_before, owner(), wish.bank or None, *more, split=split)


def made(job: Job) -> Job:
    """The job, which the audit log names."""
    g.acted_on = job.id
    return job
