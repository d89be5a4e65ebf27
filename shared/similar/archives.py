"""The archives of an installation, one for each model, filled from the results of ended jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from shared.core.errors import NotFound
from shared.core.settings import Settings
from shared.jobs.model import Job
from shared.similar.archive import Archive
from shared.similar.vectors import read_parts


def archive_of(settings: Settings, identity: str) -> Archive:
    """Of the model of this identity."""
    name = "".join(char for char in identity if char.isalnum()) or "unknown"
    return Archive(settings.data_dir / "similar" / name)


def fill(settings: Settings, archive: Archive, job: str) -> int:
    """Adds a job's photos and returns how many. Raises NotFound where it has no results, sqlite3.Error, OSError."""
    path: Path = settings.jobs_dir / f"{job}.sqlite"
    if not path.is_file():
        raise NotFound(what=f"job {job}")
    return archive.add(job, read_parts(path))


def rebuild(
    settings: Settings, jobs: Iterable[Job], progress: Callable[[Job], None], again: bool = True
) -> tuple[int, int]:
    """Adds the photos of all these jobs that have ended, and returns the numbers of jobs and photos.

    `again`: the archives are emptied first, else jobs that are in them stay as they are. Jobs without results are
    passed over.
    """
    archives: dict[str, tuple[Archive, set[str]]] = {}
    added = photos = 0
    for job in jobs:
        if not job.ended or not job.ok:
            continue
        if job.identity not in archives:
            made = archive_of(settings, job.identity)
            if again:
                made.clear()
            archives[job.identity] = made, set(made.known())
        archive, known = archives[job.identity]
        if job.id in known:
            continue
        try:
            photos += fill(settings, archive, job.id)
        except NotFound:
            continue
        known.add(job.id)
        added += 1
        progress(job)
    return added, photos
