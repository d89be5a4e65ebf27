"""Who works, what waits, and how to add a worker."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from flask import Response, render_template, request

from shared.core.settings import Settings
from shared.jobs.heartbeat import Heartbeat, live_workers
from shared.maintenance import disk_use
from web.api.workers import shown
from web.conditional import unchanged
from web.context import services
from web.pages import bp

#: Seconds without a heartbeat after which “last seen” is worth a new answer, and after which times are told anew.
_SILENT, _CLOCK = 10.0, 30.0


@bp.get("/workers")
def workers() -> str | Response:
    ledger = services().ledger
    polled = "HX-Request" in request.headers
    template = "parts/workers.html" if polled else "workers.html"
    found, queue, stats, now = live_workers(ledger), ledger.queue(), ledger.stats(), time.time()
    if polled and (same := unchanged(_visible(found, now), _visible_totals(queue, stats), int(now // _CLOCK))):
        return same
    answered = stats.get("photos_ok", 0)
    return render_template(
        template,
        workers=[shown(worker) for worker in found],
        queue=queue,
        stats=stats,
        hit_rate=stats.get("cached", 0) / answered if answered else None,
        now=now,
        disk=None if polled else disk_use.last(ledger.connection),
        free=shutil.disk_usage(services().settings.data_dir).free,
        commands=add_commands(services().settings),
    )


def _visible(workers: Sequence[Heartbeat], now: float) -> list[object]:
    """What a reader sees of heartbeats: one that only says that nothing has changed changes nothing."""
    moving = {"last_seen": 0.0, "cpu_percent": None, "memory_mb": None}
    return [
        (
            worker.model_copy(update=moving),
            now - worker.last_seen < _SILENT,
            round((worker.cpu_percent or 0) / 10),
            round(worker.memory_mb or 0, -1),
        )
        for worker in workers
    ]


def _visible_totals(queue: Mapping[str, object], stats: Mapping[str, float]) -> tuple[object, ...]:
    return queue, {**stats, "redis_memory": round(stats.get("redis_memory", 0) / 1024**2)}


def add_commands(settings: Settings) -> dict[str, str | None]:
    """`here`: the command that adds a worker on this machine; `elsewhere`: on others, None where Redis is local."""
    here = f"{_weft()} worker --data-dir {shlex.quote(str(settings.data_dir))}"
    if settings.redis_url is None:
        return {"here": here, "elsewhere": None}
    url = settings.redis_url.get_secret_value()
    values = {"WEFT_REDIS_URL": without_password(url), "WEFT_MODEL": settings.model}
    if settings.storage_url:
        values["WEFT_STORAGE_URL"] = settings.storage_url
    set_values = " ".join(f"{name}={shlex.quote(value)}" for name, value in values.items())
    return {"here": here, "elsewhere": f"{set_values} weft worker"}


def _weft() -> str:
    """`weft` as another terminal finds it: a checkout's own is not on PATH."""
    beside = Path(sys.executable).with_name("weft")
    return "weft" if shutil.which("weft") or not beside.exists() else shlex.quote(str(beside))


def without_password(url: str) -> str:
    """A Redis address that may be shown."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":PASSWORD@") if parts.password else url
