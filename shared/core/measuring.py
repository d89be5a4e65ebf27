"""What a process measures of itself: the `measured` metrics of `metric_table`, in a registry of its own.

`shared/jobs/ledger/measurements.py` adds it to the ledger's totals, which outlive the process.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter, time_ns

from prometheus_client import CollectorRegistry, Counter, Histogram

from shared.core import tracing
from shared.core.metric_table import STAGES, TABLE, Kind

REGISTRY = CollectorRegistry()
_COUNTERS = {
    m.name: Counter(m.name, m.meaning, m.labels, registry=REGISTRY)
    for m in TABLE
    if m.measured and m.kind is Kind.COUNTER
}
_HISTOGRAMS = {
    m.name: Histogram(m.name, m.meaning, m.labels, buckets=m.buckets, registry=REGISTRY)
    for m in TABLE
    if m.kind is Kind.HISTOGRAM
}
_STAGES = {name: _HISTOGRAMS["weft_stage_seconds"].labels(stage=name) for name in STAGES}
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class stage:
    """Measures one of `STAGES`, also where it fails; with tracing, a span below each of `traces`.

    A class, as a generator takes twice as long, and a photo out of the cache costs little besides.
    """

    __slots__ = ("_began", "_name", "_since", "_traces")

    def __init__(self, name: str, traces: Iterable[str] = ()) -> None:
        self._name = name
        self._traces = traces

    def __enter__(self) -> None:
        self._since = time_ns()
        self._began = perf_counter()

    def __exit__(self, *_: object) -> None:
        _STAGES[self._name].observe(perf_counter() - self._began)
        tracing.record(self._name, self._since, self._traces)


def request(method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered; `route` is the pattern of its address."""
    known = method if method in _METHODS else "other"
    _HISTOGRAMS["weft_request_seconds"].labels(known, route, f"{status // 100}xx").observe(seconds)


def looked_up(photos: int, hits: int) -> None:
    """So many photos were looked up in the embedding cache."""
    _COUNTERS["weft_cache_lookups"].labels("hit").inc(hits)
    _COUNTERS["weft_cache_lookups"].labels("miss").inc(photos - hits)


def started(role: str) -> None:
    """A process is ready to work."""
    _COUNTERS["weft_process_starts"].labels(role).inc()


def removed(kind: str, size: int) -> None:
    """Retention has removed so many bytes."""
    _COUNTERS["weft_retention_bytes"].labels(kind).inc(size)
