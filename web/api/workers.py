"""Who works, and what waits."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from web.context import services
from web.i18n import say
from web.schemas import WorkersOut

bp = APIBlueprint("workers", __name__, tag="Workers")


@bp.get("/workers")
@bp.output(WorkersOut)
def workers() -> dict[str, Any]:
    """Workers alive, waiting chunks by lane, and totals."""
    ledger = services().ledger
    return {"workers": [shown(w) for w in ledger.workers()], "queue": ledger.queue(), "stats": ledger.stats()}


def shown(worker: dict[str, Any]) -> dict[str, Any]:
    """A heartbeat, its error as a sentence in the user's language."""
    error = worker.get("error")
    if not error:
        return worker
    detail = {key: value for key, value in error.items() if key != "code"} | (error.get("detail") or {})
    return {**worker, "error": {"code": error["code"], "message": say(error["code"], **detail)}}
