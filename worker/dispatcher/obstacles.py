"""Why a job does not move, as a note on the job: nobody can work on it, or its folder is out of sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.jobs.heartbeat import BlockedJob, Heartbeat
from shared.jobs.model import OBSTACLES, Job

#: The notes that `obstacle` writes and takes back; a lister's notes stay.
CODES = (
    "no_worker",
    "no_worker_for_model",
    "no_worker_for_settings",
    "worker_starting",
    "worker_error",
    "folder_not_visible",
    "folder_not_visible_to_some",
    *OBSTACLES,
)


def workers_without_folder(job: Job, workers: Sequence[Heartbeat]) -> list[Heartbeat]:
    """The workers with the job's model that report that they cannot read its folder."""
    return [w for w in workers if w.identity == job.identity and job.id in w.hidden_jobs]


def _blocked(job: Job, worker: Heartbeat) -> BlockedJob | None:
    return next((blocked for blocked in worker.blocked_jobs if blocked.job == job.id), None)


def left_alone(job: Job, workers: Sequence[Heartbeat]) -> bool:
    """Whether there are workers for the job, and each of them passes it over at the moment: its folder is out of sight,
    or it waits for another attempt."""
    able = [w for w in workers if w.identity == job.identity]
    return bool(able) and all(
        job.id in w.hidden_jobs or ((blocked := _blocked(job, w)) is not None and blocked.retry_in > 0) for w in able
    )


def obstacle(job: Job, workers: Sequence[Heartbeat]) -> tuple[str, dict[str, Any]] | None:
    """(code, values of its sentence) of what keeps the job from moving, or None."""
    able = [w for w in workers if w.identity == job.identity]
    if not able:
        # One whose bank cannot be loaded may not know yet what it will serve.
        loading = [w for w in workers if not w.identity or (w.error and w.ready_since is None)]
        if any(not w.error for w in loading):
            return "worker_starting", {}
        if loading:
            return _error(loading)
        if not workers:
            return "no_worker", {}
        alike = any(w.model == job.model for w in workers)
        return ("no_worker_for_settings" if alike else "no_worker_for_model"), {}
    if all(w.error and w.ready_since is None for w in able):
        return _error(able)
    without_folder = workers_without_folder(job, able)
    if len(without_folder) == len(able):
        return "folder_not_visible", _named(without_folder)
    blocked = [_blocked(job, w) for w in able if w not in without_folder]
    if (first := next(iter(blocked), None)) and all(blocked):
        return first.code, dict(first.detail)
    return ("folder_not_visible_to_some", _named(without_folder)) if without_folder else None


def _error(workers: Sequence[Heartbeat]) -> tuple[str, dict[str, Any]]:
    """What keeps every worker from loading, where it is one and the same thing that people can act on."""
    errors = [w.error for w in workers if w.error]
    if errors[0].code in OBSTACLES and len({error.code for error in errors}) == 1:
        return errors[0].code, dict(errors[0].detail)
    return "worker_error", {}


def _named(workers: Sequence[Heartbeat]) -> dict[str, Any]:
    return {"workers": ", ".join(sorted({w.id for w in workers}))}
