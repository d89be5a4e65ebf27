"""The results file of a job, as far as its time of change tells."""

from __future__ import annotations

from shared.core.settings import Settings
from shared.jobs.projection import file_stats, projection_path
from web.context import services


def written(job_id: str, settings: Settings | None = None) -> list[tuple[int, int]]:
    """Changes with every correction and every result that is written into the job's results file. `settings` where
    there is no request."""
    stats = file_stats(projection_path(settings or services().settings, job_id))
    return [(stat.st_mtime_ns, stat.st_size) for stat in stats if stat.st_size]
