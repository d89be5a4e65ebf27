"""Jobs: submit, look, steer."""

from __future__ import annotations

from typing import TypedDict

from apiflask import APIBlueprint
from flask import Response

from shared.jobs import archive
from shared.jobs.changes import change_job
from shared.jobs.job_search import JobFilter
from shared.jobs.model import Job
from shared.jobs.shown import ShownJob, shown_job
from shared.jobs.states import VERBS
from web.access.visitor import owner
from web.conditional import unchanged
from web.context import services
from web.i18n import language
from web.job_schemas import JobChange, Rerun, RetryItems
from web.schemas import FolderJob, JobList, JobOut, JobsQuery
from web.submissions import repeat, submit_folder, submit_upload

bp = APIBlueprint("jobs", __name__, tag="Jobs")


def shown(job: Job) -> ShownJob:
    """A job as JSON, in the language of the request."""
    return shown_job(job, language())


class JobListing(TypedDict):
    jobs: list[ShownJob]
    next: float | None


@bp.post("/jobs")
@bp.output(JobOut, status_code=202)
def create() -> ShownJob:
    """Submit photos and zip archives."""
    return shown(submit_upload())


@bp.post("/jobs/folder")
@bp.input(FolderJob, location="json", arg_name="folder")
@bp.output(JobOut, status_code=202)
def create_from_folder(folder: FolderJob) -> ShownJob:
    """Submit a folder of the server, below an allowed root."""
    return shown(submit_folder(folder))


@bp.get("/jobs")
@bp.input(JobsQuery, location="query", arg_name="query")
@bp.output(JobList)
def index(query: JobsQuery) -> JobListing | Response:
    """Jobs, newest first."""
    bank = services().banks.banks.find(query.bank).id if query.bank else None
    wanted = JobFilter((owner() if query.mine else None) or query.owner, query.search, query.archived, bank)
    jobs = services().ledger.listed(query.limit, query.before, wanted)
    if same := unchanged(jobs, [job.late for job in jobs]):
        return same
    following = jobs[-1].created if len(jobs) == query.limit else None
    return {"jobs": [shown(job) for job in jobs], "next": following}


@bp.get("/jobs/<job_id>")
@bp.output(JobOut)
def one(job_id: str) -> ShownJob | Response:
    """State, counters, rate and time left. With `If-None-Match`: 304 while nothing has changed."""
    found = services().ledger.find(job_id)
    return unchanged(found, found.late) or shown(found)


@bp.patch("/jobs/<job_id>")
@bp.input(JobChange, location="json", arg_name="change")
@bp.output(JobOut)
def change(job_id: str, change: JobChange) -> ShownJob:
    """Change a job's name, its share of the next chunks, the hours in which it works, or when it should be done."""
    return shown(changed(job_id, change))


def changed(job_id: str, change: JobChange) -> Job:
    """The job as it is now. Raises as `change_job`."""
    wished = change.model_dump(exclude_unset=True)
    return change_job(services().settings, services().ledger, job_id, **wished)


@bp.post("/jobs/<job_id>/archive")
@bp.output(JobOut)
def put_away(job_id: str) -> ShownJob:
    """Archive an ended job now: its results are kept, but it can no longer be retried."""
    archive.put_away(services().settings, services().ledger, job_id)
    return shown(services().ledger.find(job_id))


@bp.post("/jobs/<job_id>/items/retry")
@bp.input(RetryItems, location="json", arg_name="chosen")
@bp.output(JobOut)
def retry_items(job_id: str, chosen: RetryItems) -> ShownJob:
    """Retry some of a job's failed photos; of the items, those that did not fail stay as they are."""
    return shown(services().ledger.retry(job_id, frozenset(chosen.items)))


@bp.post("/jobs/<job_id>/rerun")
@bp.input(Rerun, location="json", arg_name="wish")
@bp.output(JobOut, status_code=202)
def rerun(job_id: str, wish: Rerun) -> ShownJob:
    """Classify the photos of a job once more, as a new job: with another preset, bank, or version of the bank."""
    return shown(repeat(job_id, wish))


@bp.delete("/jobs/<job_id>")
@bp.output({}, status_code=204)
def delete(job_id: str) -> tuple[str, int]:
    """Remove an ended job for good: results, corrections, and in time its uploads."""
    archive.delete(services().settings, services().ledger, job_id)
    return "", 204


def _add_route(verb: str) -> None:
    """`POST /jobs/{id}/VERB`, for each verb of the table."""

    def steer(job_id: str) -> ShownJob:
        return shown(services().ledger.steer(job_id, verb))

    steer.__name__, steer.__doc__ = verb, VERBS[verb].meaning
    bp.post(f"/jobs/<job_id>/{verb}")(bp.output(JobOut)(steer))


for _verb in VERBS:
    _add_route(_verb)
