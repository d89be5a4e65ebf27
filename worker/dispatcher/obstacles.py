"""Why a job does not move, as a note on the job: nobody can work on it, or its folder is out of sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.jobs.model import Job

#: The notes that `obstacle` writes and takes back; a lister's notes stay.
CODES = (
    "no_worker",
    "no_worker_for_model",
    "worker_starting",
    "worker_error",
    "folder_not_visible",
    "folder_not_visible_to_some",
)


def workers_without_folder(job: Job, workers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The workers with the job's model that report that they cannot read its folder."""
    return [w for w in workers if w.get("identity") == job.identity and job.id in (w.get("hidden_jobs") or ())]


def folder_unreachable(job: Job, workers: Sequence[dict[str, Any]]) -> bool:
    """Whether there are workers for the job, and none of them can read its folder."""
    able = sum(1 for w in workers if w.get("identity") == job.identity)
    return able > 0 and len(workers_without_folder(job, workers)) == able


def obstacle(job: Job, workers: Sequence[dict[str, Any]]) -> tuple[str, dict[str, str]] | None:
    """(code, values of its sentence) of what keeps the job from moving, or None."""
    able = [w for w in workers if w.get("identity") == job.identity]
    if not able:
        loading = [w for w in workers if not w.get("identity")]
        if any(not w.get("error") for w in loading):
            return "worker_starting", {}
        if loading:
            return "worker_error", {}
        return ("no_worker_for_model" if workers else "no_worker"), {}
    without_folder = workers_without_folder(job, able)
    if not without_folder:
        return None
    code = "folder_not_visible" if len(without_folder) == len(able) else "folder_not_visible_to_some"
    return code, {"workers": ", ".join(sorted({str(w["id"]) for w in without_folder}))}
