"""Results of jobs that were archived long ago."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from shared.core.settings import Settings
from shared.jobs import archive
from shared.jobs.catalog import Catalog
from shared.jobs.ledger import Ledger
from shared.jobs.projection import open_projection, projection_path
from shared.maintenance.retention.pins import Pins
from shared.maintenance.retention.plan import DAY, Due, Policies
from shared.storage import Storage


def due(settings: Settings, ledger: Ledger, storage: Storage, policies: Policies, pins: Pins) -> Iterator[Due]:
    before = time.time() - policies.results * DAY
    catalog = Catalog(settings)
    for job_id in sorted(catalog.ids()):
        job = catalog.find(job_id)
        if job is None or (job.finished or job.created) > before or pins.has("job", job_id):
            continue
        if ledger.contains(job_id) or _is_reviewed(settings, job_id):
            continue
        path = projection_path(settings, job_id)
        yield Due(job_id, path.stat().st_size if path.exists() else 0, partial(_take, settings, ledger, job_id))


def _take(settings: Settings, ledger: Ledger, job_id: str) -> bool:
    # A review is somebody's work: one that came meanwhile keeps the job, too.
    if _is_reviewed(settings, job_id):
        return False
    archive.delete(settings, ledger, job_id)
    return True


def _is_reviewed(settings: Settings, job_id: str) -> bool:
    if not projection_path(settings, job_id).exists():
        return False
    with closing(open_projection(settings, job_id)) as projection:
        return projection.reviews.any()
