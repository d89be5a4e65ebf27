"""Ended jobs: completing their projection, releasing them from the ledger, and deleting them.

A job is released only after its projection was read back, holds every outcome that the ledger counted, and is on the
disk. Single classified photos (`classify`) are the exception: they are in no list, and are deleted a day after their
end, with their projection unless it holds a correction.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import structlog

from shared.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from shared.core.names import title
from shared.core.settings import Settings
from shared.jobs.admission import MEMORY_FOR_ENDED, memory_share
from shared.jobs.catalog import Catalog
from shared.jobs.ledger import Ledger, removal
from shared.jobs.ledger.submission import created_at
from shared.jobs.model import Job, JobState, Lane
from shared.jobs.projection import Projection, open_projection, projection_path

_log = structlog.get_logger(__name__)

#: Seconds that a single classified photo is kept after its end.
BRIEF_SECONDS = 86400.0
#: Seconds after its end that a finished job's photos and commits leave the ledger.
TRIMMED_AFTER_SECONDS = 600.0
#: Times that a job is archived by hand while its results are read, and seconds between them.
_RELEASE_ATTEMPTS, _RELEASE_PAUSE = 10, 0.2


def complete(ledger: Ledger, projection: Projection, job: Job) -> Job:
    """Completes an ended job's projection: every row, and the job's own data. Returns the job as stored.

    Raises:
        Conflict: it does not hold what the ledger counted, even after a rebuild (`projection_incomplete`).
    """
    projection.catch_up(ledger)
    if missing := projection.lacking(job, removal.done_bits(ledger.connection, job.id)):
        _log.warning("projection_rebuilt", job=job.id, reason=missing)
        projection.fold_again(ledger)
        # A retry may have begun meanwhile; then the caller neither settles nor releases the job.
        job = ledger.job(job.id)
        missing = projection.lacking(job, removal.done_bits(ledger.connection, job.id))
    if missing:
        raise Conflict("projection_incomplete", reason=missing)
    projection.describe(job)
    return job


def release(settings: Settings, ledger: Ledger, job_id: str) -> bool:
    """Removes an ended job from the ledger; its projection is its record from then on. False: it changed meanwhile.

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
    # After a lost reply or a crash here the job is in both: the ledger is asked first, and the job is released again.
    return removal.remove(ledger.connection, job_id, entries, released=True)


def release_due(settings: Settings, ledger: Ledger, keep_seconds: float, brief_seconds: float = BRIEF_SECONDS) -> int:
    """Releases jobs that ended at least so many seconds ago. An error is logged and affects its job only. Returns how
    many were released."""
    jobs, brief = removal.due(ledger.connection, keep_seconds, brief_seconds)
    released = sum(_tried(release, settings, ledger, job_id) for job_id in jobs)
    return released + sum(_tried(_forget_brief, settings, ledger, job_id) for job_id in brief)


def trim_due(settings: Settings, ledger: Ledger, seconds: float = TRIMMED_AFTER_SECONDS) -> int:
    """Lets go the commits and photos of jobs that finished at least so many seconds ago: their projection is the record
    from then on, and they can still be retried. An error is logged and affects its job only. Returns how many."""
    found = removal.untrimmed(ledger.connection, time.time() - seconds)
    return sum(_tried(_trim, settings, ledger, job_id) for job_id in found)


def _trim(settings: Settings, ledger: Ledger, job_id: str) -> bool:
    with closing(open_projection(settings, job_id)) as projection:
        complete(ledger, projection, ledger.job(job_id))
        entries = projection.folded()
        projection.flush()
    return removal.trim(ledger.connection, job_id, entries)


def release_for_room(settings: Settings, ledger: Ledger) -> int:
    """Releases the longest ended jobs, before their time, until the ledger has room for new ones. An error is logged
    and affects its job only. Returns how many were released."""
    if memory_share(ledger) < MEMORY_FOR_ENDED:
        return 0
    released = 0
    for job_id in removal.due(ledger.connection, 0, BRIEF_SECONDS)[0]:
        released += _tried(release, settings, ledger, job_id)
        if memory_share(ledger) < MEMORY_FOR_ENDED:
            break
    if released:
        _log.info("released_for_room", jobs=released)
    return released


def _tried(act: Callable[[Settings, Ledger, str], bool], settings: Settings, ledger: Ledger, job_id: str) -> bool:
    try:
        return act(settings, ledger, job_id)
    except Exception as error:
        _log.error("archive_step_failed", step=act.__name__.strip("_"), job=job_id, error=repr(error))
        return False


def delete(settings: Settings, ledger: Ledger, job_id: str) -> None:
    """Deletes a job permanently: ledger, results and corrections; `weft gc` frees its uploads.

    Raises:
        NotFound: no such job.
        Conflict: it has not ended (`job_not_ended`).
    """
    job = ledger.find(job_id)
    if not job.archived:
        if not job.ended:
            raise Conflict("job_not_ended")
        # If a retry begins at this moment, the log's length or the state differs, and the job stays.
        if not removal.remove(ledger.connection, job_id, ledger.log_length(job_id)):
            raise Conflict("job_not_ended")
    Catalog(settings).forget(job_id)
    unlink(settings, job_id)


def put_away(settings: Settings, ledger: Ledger, job_id: str) -> None:
    """Archives an ended job before its time: it leaves the list of current jobs, and its results are kept.

    Raises:
        NotFound: no such job.
        Conflict: it has not ended (`job_not_ended`), or its results are not complete (`projection_incomplete`).
        Unavailable: its results are being read at this moment (`results_in_use`).
    """
    for attempt in range(_RELEASE_ATTEMPTS):
        if ledger.find(job_id).archived:
            return
        try:
            if release(settings, ledger, job_id):
                return
        except sqlite3.OperationalError as error:
            _log.info("release_postponed", job=job_id, attempt=attempt, reason=str(error))
        time.sleep(_RELEASE_PAUSE)
    raise Unavailable("results_in_use")


def rename(settings: Settings, ledger: Ledger, job_id: str, name: str) -> Job:
    """Gives a job another name, archived or not. `name` is cleaned. Raises: NotFound; InvalidRequest (`name_empty`)."""
    wanted = title(name)
    if not wanted:
        raise InvalidRequest("name_empty")
    try:
        return ledger.rename(job_id, wanted)
    except NotFound:
        job = replace(ledger.find(job_id), name=wanted)
    with closing(open_projection(settings, job_id)) as projection:
        projection.describe(job)
    Catalog(settings).add(job)
    return job


def unlink(settings: Settings, job_id: str) -> None:
    """Deletes the files of a projection."""
    path = projection_path(settings, job_id)
    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        name.unlink(missing_ok=True)


def reconcile(settings: Settings, ledger: Ledger) -> None:
    """Makes the catalog agree with the projections in the folder, after a restore, a crash or an upgrade."""
    catalog = Catalog(settings)
    # Asked first: what is archived meanwhile has its file already, and is not among these.
    archived = catalog.ids()
    on_disk = {path.stem: path for path in settings.jobs_dir.glob("*.sqlite")}
    for job_id in archived - on_disk.keys():
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
    """The data of a job that an earlier version released without storing them, from its rows; None: no rows."""
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
            reviewed = projection.reviews.any()
        if reviewed:
            return release(settings, ledger, job_id)
    released = removal.remove(ledger.connection, job.id, ledger.log_length(job.id))
    if released:
        unlink(settings, job_id)
    return released
