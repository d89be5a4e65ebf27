"""Who works, what waits, and how to add a worker."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import render_template, request

from shared.core.settings import Settings
from web.api.workers import shown
from web.context import services
from web.pages import bp


@bp.get("/workers")
def workers() -> str:
    ledger = services().ledger
    template = "parts/workers.html" if request.headers.get("HX-Request") else "workers.html"
    stats = ledger.stats()
    answered = stats.get("photos_ok", 0)
    return render_template(
        template,
        workers=[shown(worker) for worker in ledger.workers()],
        queue=ledger.queue(),
        stats=stats,
        hit_rate=stats.get("cached", 0) / answered if answered else None,
        now=time.time(),
        commands=add_commands(services().settings),
    )


def add_commands(settings: Settings) -> dict[str, Any]:
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
