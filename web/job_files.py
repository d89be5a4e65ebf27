"""The results file of a job, as far as its time of change tells."""

from __future__ import annotations

from contextlib import suppress

from shared.core.settings import Settings
from shared.jobs.projection import projection_path
from web.context import services


def written(job_id: str, settings: Settings | None = None) -> list[tuple[int, int]]:
    """Changes with every correction and every result that is written into the job's results file. `settings` where
    there is no request."""
    path = projection_path(settings or services().settings, job_id)
    stats = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        # The second one comes and goes with whoever reads.
        with suppress(FileNotFoundError):
            stats.append(file.stat())
    return [(stat.st_mtime_ns, stat.st_size) for stat in stats if stat.st_size]
