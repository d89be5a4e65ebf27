"""Who works, and what waits."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from shared.jobs.heartbeat import Heartbeat, live_workers
from shared.maintenance import disk_use
from web.conditional import unchanged
from web.context import services
from web.i18n import say
from web.schemas import WorkersOut

bp = APIBlueprint("workers", __name__, tag="Workers")


@bp.get("/workers")
@bp.output(WorkersOut)
def workers() -> WorkersOut | Response:
    """Workers alive, waiting chunks by lane, and totals. With `If-None-Match`: 304 while none has reported again."""
    ledger = services().ledger
    found, queue, stats = live_workers(ledger), ledger.queue(), ledger.stats()
    disk = disk_use.last(ledger.connection)
    if same := unchanged(found, queue, {**stats, "redis_memory": 0}, disk):
        return same
    kept = disk.to_json() if disk else None
    return WorkersOut(workers=[shown(worker) for worker in found], queue=queue, stats=stats, disk=kept)


def shown(worker: Heartbeat) -> dict[str, Any]:
    """A heartbeat as JSON, its error and what blocks its jobs as sentences in the user's language."""
    document = worker.to_json()
    document["blocked_jobs"] = [
        {"job": blocked.job, "code": blocked.code, "message": say(blocked.code, **blocked.detail)}
        for blocked in worker.blocked_jobs
    ]
    if worker.error:
        document["error"] = {"code": worker.error.code, "message": say(worker.error.code, **worker.error.detail)}
    return document
