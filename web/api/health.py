"""For load balancers and Prometheus."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from shared.core.errors import BankError, Unavailable
from shared.jobs.heartbeat import live_workers
from web.bank_choice import usable_banks
from web.context import services
from web.metrics import LedgerCollector
from web.schemas import Health, file_response

bp = APIBlueprint("health", __name__, tag="Health")


@bp.get("/healthz")
@bp.output(Health)
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
@bp.output(Health)
def readyz() -> dict[str, str]:
    """A photo sent now is classified: the ledger answers, a bank is active, a worker has its model. 503 otherwise.

    With several banks: one of them is, and a worker has its model.
    """
    ledger = services().ledger
    try:
        identities = {manifest.identity for manifest in usable_banks()}
    except BankError as error:
        raise Unavailable(error.code, **error.detail) from error
    if not any(w.identity in identities and w.works for w in live_workers(ledger)):
        raise Unavailable("no_worker")
    return {"status": "ok"}


@bp.get("/metrics")
@bp.doc(responses=file_response("Prometheus text", "text/plain"))
def metrics() -> Response:
    """Everything from the ledger, so that any web process tells the same."""
    registry = CollectorRegistry()
    registry.register(LedgerCollector(services()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
