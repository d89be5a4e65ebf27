"""The photos of a job that is there already, to be classified again."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from shared.core.errors import Conflict
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.model import Item, Job
from shared.jobs.projection import open_projection


def photos_of(settings: Settings, ledger: Ledger, job: Job) -> list[Item]:
    """References to all photos of a job, the archived ones included; nothing is read or copied.

    Raises Conflict: it is not listed or unpacked to its end yet (`job_not_listed`), or has no photo (`job_empty`).
    """
    if not job.listed:
        raise Conflict("job_not_listed")
    found = [] if job.archived else ledger.items(job.id)
    if len(found) < job.total:
        # The ledger keeps no photos of a job that finished some time ago but those of chunks in which one failed.
        known = {item.index: item for item in _of_results(settings, job)} | {item.index: item for item in found}
        found = [known[index] for index in sorted(known)]
    # Generations and gaps belong to the first run.
    items = [replace(item, index=index, generation=0) for index, item in enumerate(found)]
    if not items:
        raise Conflict("job_empty")
    return items


def _of_results(settings: Settings, job: Job) -> Iterable[Item]:
    """Of photos that only their results know: a job's uploads by SHA-256, the files of its folder by their names."""
    with closing(open_projection(settings, job.id)) as projection:
        known = list(projection.references())
    for item in known:
        if job.path is not None:
            file = item.part.card if item.part else item.name
            yield replace(item, sha256=None, path=str(Path(job.path) / file))
        elif item.sha256:
            yield item
