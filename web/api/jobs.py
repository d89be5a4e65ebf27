"""Jobs: submit, look, steer."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from shared.core.names import readable
from shared.jobs import archive
from shared.jobs.model import Job
from shared.jobs.notes import note_sentence
from web.context import services
from web.i18n import language
from web.schemas import FolderJob, JobList, JobOut, JobsQuery
from web.submissions import submit_folder, submit_upload

bp = APIBlueprint("jobs", __name__, tag="Jobs")


def shown(job: Job) -> dict[str, Any]:
    """A job as JSON, with its note as a sentence."""
    # The true bytes of a path may be no UTF-8.
    return {**job.public(), "path": job.path and readable(job.path), "message": note_sentence(job, language())}


@bp.post("/jobs")
@bp.output(JobOut, status_code=202)
def create() -> dict[str, Any]:
    """Submit photos and zip archives."""
    return shown(submit_upload())


@bp.post("/jobs/folder")
@bp.input(FolderJob, location="json", arg_name="folder")
@bp.output(JobOut, status_code=202)
def create_from_folder(folder: FolderJob) -> dict[str, Any]:
    """Submit a folder of the server, below an allowed root."""
    return shown(submit_folder(folder.path, folder.name, folder.preset, folder.not_before))


@bp.get("/jobs")
@bp.input(JobsQuery, location="query", arg_name="query")
@bp.output(JobList)
def index(query: JobsQuery) -> dict[str, Any]:
    """Jobs, newest first."""
    jobs = services().ledger.listed(query.limit, query.before)
    following = jobs[-1].created if len(jobs) == query.limit else None
    return {"jobs": [shown(job) for job in jobs], "next": following}


@bp.get("/jobs/<job_id>")
@bp.output(JobOut)
def one(job_id: str) -> dict[str, Any]:
    """State, counters, rate and time left."""
    return shown(services().ledger.find(job_id))


@bp.delete("/jobs/<job_id>")
@bp.output({}, status_code=204)
def delete(job_id: str) -> tuple[str, int]:
    """Remove an ended job for good: results, corrections, and in time its uploads."""
    archive.delete(services().settings, services().ledger, job_id)
    return "", 204


@bp.post("/jobs/<job_id>/cancel")
@bp.output(JobOut)
def cancel(job_id: str) -> dict[str, Any]:
    """End a job; what is done stays."""
    return shown(services().ledger.cancel(job_id))


@bp.post("/jobs/<job_id>/pause")
@bp.output(JobOut)
def pause(job_id: str) -> dict[str, Any]:
    """Start no further photo."""
    return shown(services().ledger.pause(job_id))


@bp.post("/jobs/<job_id>/resume")
@bp.output(JobOut)
def resume(job_id: str) -> dict[str, Any]:
    """Go on with a paused job."""
    return shown(services().ledger.resume(job_id))


@bp.post("/jobs/<job_id>/retry")
@bp.output(JobOut)
def retry(job_id: str) -> dict[str, Any]:
    """Send the failed photos round again, and only those."""
    return shown(services().ledger.retry(job_id))
