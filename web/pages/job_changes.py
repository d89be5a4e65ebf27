"""What is done with one job as a whole: another name, another priority, its photos once more."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from pydantic import ValidationError
from werkzeug import Response

from shared.bank.manifest import DEFAULT_BANK
from shared.bank.store import VersionEntry
from shared.collections.collection import Collection
from shared.collections.store import Collections
from shared.core.errors import InvalidRequest, NotFound, WeftError
from shared.jobs import archive
from shared.jobs.job_search import EVERY
from shared.jobs.model import Job
from web.api.jobs import changed
from web.bank_choice import all_banks, bank_words
from web.context import services
from web.hours_form import local_time, window_text
from web.job_schemas import JobChange, Rerun
from web.pages import bp
from web.submissions import given_fields, repeat

#: Versions of the bank that are offered for another run, and jobs that are offered for a comparison.
VERSIONS, JOBS = 30, 30


@bp.post("/jobs/<job_id>/rename")
def rename(job_id: str) -> Response:
    archive.rename(services().settings, services().ledger, job_id, given_fields().get("name", ""))
    return redirect(url_for("pages.job", job_id=job_id), 303)


@bp.post("/jobs/<job_id>/priority")
def prioritise(job_id: str) -> Response:
    try:
        change = JobChange.model_validate({"priority": request.form.get("priority", "")})
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    changed(job_id, change)
    return redirect(url_for("pages.job", job_id=job_id), 303)


@bp.post("/jobs/<job_id>/first")
def run_next(job_id: str) -> Response:
    """With `first`: the job runs next; without: it takes turns again."""
    changed(job_id, JobChange(first="first" in request.form))
    return redirect(url_for("pages.job", job_id=job_id), 303)


@bp.post("/jobs/<job_id>/hours")
def change_hours(job_id: str) -> Response:
    """Hours and deadline together; an empty field takes its own away."""
    form = given_fields()
    try:
        deadline = local_time(form, "deadline") if "deadline" in form else None
        change = JobChange.model_validate({"window": window_text(form), "deadline": deadline})
    except (ValidationError, ValueError, OverflowError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InvalidRequest(reason=told) from error
    changed(job_id, change)
    return redirect(url_for("pages.job", job_id=job_id), 303)


@bp.post("/jobs/<job_id>/archive")
def put_away(job_id: str) -> Response:
    archive.put_away(services().settings, services().ledger, job_id)
    return redirect(url_for("pages.job", job_id=job_id), 303)


@bp.post("/jobs/<job_id>/rerun")
def rerun(job_id: str) -> Response:
    form = given_fields()
    wish = Rerun(name=form.get("name", ""), preset=form.get("preset"), bank=form.get("bank"))
    return redirect(url_for("pages.job", job_id=repeat(job_id, wish).id), 303)


def offers(job: Job) -> dict[str, Any]:
    """What a job's page offers besides its results."""
    return {
        "versions": _versions(job),
        "others": _others(job),
        "repeated": _repeated(job),
        "collection": _collection(job),
    }


def _repeated(job: Job) -> Job | None:
    """The job whose photos it classifies again, where it is still there."""
    try:
        return services().ledger.find(job.repeats) if job.repeats else None
    except NotFound:
        return None


def _collection(job: Job) -> Collection | None:
    """The collection that it is a run of, where it is still there."""
    try:
        return Collections(services().settings).find(job.collection) if job.collection else None
    except WeftError:
        return None


def _versions(job: Job) -> list[tuple[str, bool, list[VersionEntry]]]:
    """Of each bank that jobs can choose: what it is called, whether the job used it, and its versions, newest first."""
    banks = [info for info in all_banks() if not info.archived]
    rows = [(bank_words(info), info.id, services().banks.of(info.id).list()[:VERSIONS]) for info in banks]
    used = job.bank_id if any(bank == job.bank_id for _, bank, _ in rows) else DEFAULT_BANK
    return [(words, bank == used, found) for words, bank, found in rows]


def _others(job: Job) -> list[Job]:
    """Jobs to compare with: first those over the same photos, then the newest."""
    jobs = [other for other in services().ledger.listed(JOBS, wanted=EVERY) if other.id != job.id and other.done]
    family = {job.id, job.repeats} - {None}
    return sorted(jobs, key=lambda other: other.id not in family and other.repeats not in family)
