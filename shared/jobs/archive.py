"""What becomes of ended jobs: their projection is completed, the ledger lets them go, and people may delete them.

A job leaves the ledger only after its projection was read back and holds every outcome that the ledger counted, and is
on the disk. A single classified photo (`classify`) is the exception: its answer went to whoever waited for it, it is in
no list, and it goes a day after its end, with its projection unless somebody corrected it.
"""

from __future__ import annotations

import os
from contextlib import closing

import structlog

from shared.core.errors import Conflict, NotFound
from shared.core.settings import Settings
from shared.jobs.catalog import Catalog
from shared.jobs.ledger import Ledger, removal
from shared.jobs.ledger.submission import created_at
from shared.jobs.model import Job, JobState, Lane
from shared.jobs.projection import Projection, open_projection, projection_path

_log = structlog.get_logger(__name__)

#: Seconds that a single classified photo is kept after its end.
BRIEF_SECONDS = 86400.0


def complete(ledger: Ledger, projection: Projection, job: Job) -> Job:
    """Brings an ended job's projection to its end: every row, and the job's own data. Returns the job as described.

    Raises:
        Conflict: it does not hold what the ledger counted, even when made again (`projection_incomplete`).
    """
    projection.catch_up(ledger)
    if missing := projection.lacking(job, removal.done_bits(ledger.connection, job.id)):
        _log.warning("projection_rebuilt", job=job.id, reason=missing)
        projection.fold_again(ledger)
        # It may have been sent round again meanwhile; then what follows does not settle or release it.
        job = ledger.job(job.id)
        missing = projection.lacking(job, removal.done_bits(ledger.connection, job.id))
    if missing:
        raise Conflict("projection_incomplete", reason=missing)
    projection.describe(job)
    return job


def release(settings: Settings, ledger: Ledger, job_id: str) -> bool:
    """Lets the ledger go of an ended job, whose projection answers for it from then on. False: it changed meanwhile.

    Raises:
        NotFound: the ledger holds no such job.
        Conflict: the job has not ended, or its projection is not complete; it stays in the ledger.
        sqlite3.Error, OSError: the projection cannot be written or read; the job stays in the ledger.
    """
    job = ledger.job(job_id)
    if not job.ended:
        raise Conflict("job_not_ended")
    with closing(open_projection(settings, job_id)) as projection:
        complete(ledger, projection, job)
        entries = projection.folded()
        projection.flush()
        Catalog(settings).add(job)
    # An answer that is lost, or a crash here, leaves it in both: the ledger is asked first, and it is released again.
    return removal.remove(ledger.connection, job_id, entries, released=True)


def release_due(settings: Settings, ledger: Ledger, keep_seconds: float, brief_seconds: float = BRIEF_SECONDS) -> int:
    """Releases what ended so long ago. One job's trouble is logged, and the others go on. Returns how many went."""
    released = 0
    jobs, brief = removal.due(ledger.connection, keep_seconds, brief_seconds)
    for job_id in jobs:
        try:
            released += release(settings, ledger, job_id)
        except Exception as error:
            _log.error("release_failed", job=job_id, error=repr(error))
    for job_id in brief:
        try:
            released += _forget_brief(settings, ledger, job_id)
        except Exception as error:
            _log.error("release_failed", job=job_id, error=repr(error))
    return released


def delete(settings: Settings, ledger: Ledger, job_id: str) -> None:
    """Removes a job for good: ledger, results and corrections; `weft gc` frees its uploads.

    Raises:
        NotFound: no such job.
        Conflict: it has not ended (`job_not_ended`).
    """
    job = ledger.find(job_id)
    if not job.archived:
        if not job.ended:
            raise Conflict("job_not_ended")
        # A retry may begin just now: then the log's length or the state is another, and the job stays.
        if not removal.remove(ledger.connection, job_id, ledger.log_length(job_id)):
            raise Conflict("job_not_ended")
    Catalog(settings).forget(job_id)
    unlink(settings, job_id)


def unlink(settings: Settings, job_id: str) -> None:
    path = projection_path(settings, job_id)
    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        name.unlink(missing_ok=True)


def reconcile(settings: Settings, ledger: Ledger) -> None:
    """Makes the catalog agree with the projections that lie there: after a restore, a crash, or an earlier version."""
    catalog = Catalog(settings)
    on_disk = {path.stem: path for path in settings.jobs_dir.glob("*.sqlite")}
    for job_id in catalog.ids() - on_disk.keys():
        _log.warning("archived_projection_missing", job=job_id)
        catalog.forget(job_id)
    for job_id in sorted(on_disk.keys() - catalog.ids()):
        try:
            if not job_id.isalnum() or ledger.contains(job_id):
                continue
            with closing(open_projection(settings, job_id)) as projection:
                job = projection.described() or _derived(projection, job_id, os.stat(on_disk[job_id]).st_mtime)
            if job is None:
                # Opened for a job that was deleted at that moment.
                unlink(settings, job_id)
            elif not ledger.contains(job_id):
                catalog.add(job)
        except Exception as error:
            _log.error("projection_unreadable", job=job_id, error=repr(error))


def _derived(projection: Projection, job_id: str, touched: float) -> Job | None:
    """What can be said of a job that an earlier version let go without keeping its data; None: there are no results."""
    summary = projection.totals()
    try:
        created = created_at(job_id)
    except ValueError:
        created = touched
    if not summary["total"]:
        return None
    return Job(
        id=job_id,
        name=job_id,
        kind="upload",
        state=JobState.FINISHED,
        lane=Lane.BULK,
        preset="standard",
        model="",
        bank="",
        identity="",
        total=summary["total"],
        listed=True,
        ok=summary["ok"],
        failed=summary["total"] - summary["ok"],
        duplicates=0,
        cached=summary["cached"],
        created=created,
        finished=touched,
        archived=True,
    )


def _forget_brief(settings: Settings, ledger: Ledger, job_id: str) -> bool:
    try:
        job = ledger.job(job_id)
    except NotFound:
        return removal.remove(ledger.connection, job_id)
    if projection_path(settings, job_id).exists():
        with closing(open_projection(settings, job_id)) as projection:
            corrected = bool(projection.corrections())
        if corrected:
            return release(settings, ledger, job_id)
    released = removal.remove(ledger.connection, job.id, ledger.log_length(job.id))
    if released:
        unlink(settings, job_id)
    return released
