"""For load balancers and Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.core.errors import BankError, Unavailable
from shared.jobs.heartbeat import WorkerState, live_workers
from shared.jobs.ledger import Ledger
from web.bank_choice import usable_banks
from web.context import services
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
    registry.register(LedgerCollector(services().ledger))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class LedgerCollector(Collector):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        stats, queue, workers = self._ledger.stats(), self._ledger.queue(), live_workers(self._ledger)
        photos = CounterMetricFamily("weft_photos", "Photos with an outcome", labels=["status"])
        photos.add_metric(["ok"], stats.get("photos_ok", 0))
        photos.add_metric(["failed"], stats.get("photos_failed", 0))
        yield photos
        yield CounterMetricFamily(
            "weft_photos_cached", "Photos answered from the embedding cache", stats.get("cached", 0)
        )
        yield CounterMetricFamily("weft_keys_refused", "Wrong keys", stats.get("keys_refused", 0))
        yield GaugeMetricFamily("weft_redis_memory_bytes", "Memory of the ledger's Redis", stats.get("redis_memory", 0))
        ready = GaugeMetricFamily("weft_queue_chunks", "Chunks waiting for a worker", labels=["lane"])
        oldest = GaugeMetricFamily("weft_queue_oldest_seconds", "Age of the oldest waiting chunk", labels=["lane"])
        for lane, values in queue.items():
            ready.add_metric([lane], values["ready"])
            oldest.add_metric([lane], values["oldest"] or 0)
        yield from (ready, oldest)
        states = GaugeMetricFamily("weft_workers", "Workers alive", labels=["state"])
        for state in WorkerState:
            states.add_metric([state.value], sum(1 for worker in workers if worker.state == state))
        yield states
        rate = GaugeMetricFamily("weft_worker_photos_per_second", "A worker's recent rate", labels=["worker"])
        memory = GaugeMetricFamily("weft_worker_memory_bytes", "A worker's resident memory", labels=["worker"])
        for worker in workers:
            rate.add_metric([worker.id], worker.rate or 0)
            memory.add_metric([worker.id], (worker.memory_mb or 0) * 1024**2)
        yield from (rate, memory)
