"""What Prometheus is told: the ledger's totals and what stands at this moment; any web process tells the same."""

from __future__ import annotations

import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from shared.core.errors import WeftError
from shared.core.messages import PHOTO_CODES
from shared.core.metric_table import TABLE, Kind, Metric
from shared.jobs.admission import disk_reserve
from shared.jobs.heartbeat import Heartbeat, WorkerState, live_workers
from shared.jobs.ledger import measurements, overview
from shared.jobs.model import WAITING_FOR
from shared.jobs.states import RULES
from shared.maintenance import disk_use
from web.context import Services

#: Values of a metric's labels, in their order → its value.
Values = dict[tuple[str, ...], float]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
#: Banks, and workers of one host, that have series of their own.
_MOST = 100


class LedgerCollector(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterable[Family]:
        return ()

    def collect(self) -> Iterable[Family]:
        """One family a row of the table. Raises Unavailable."""
        connection = self._services.ledger.connection
        measurements.flush(connection)
        measured = measurements.totals(connection)
        now = self._now()
        for metric in TABLE:
            if metric.kind is Kind.HISTOGRAM:
                yield _histogram(metric, measured)
            elif metric.measured:
                yield _family(metric, _measured(metric, measured))
            else:
                yield _family(metric, now[metric.name])

    def _now(self) -> dict[str, Values]:
        ledger = self._services.ledger
        stats, seen, workers = ledger.stats(), ledger.overview(), live_workers(ledger)
        queue, kept = overview.lanes(ledger.connection, seen), disk_use.last(ledger.connection)
        failures, ended = ledger.counted("failed"), ledger.counted("jobs")
        disk = shutil.disk_usage(self._services.settings.data_dir)
        names = list(zip(_names(workers), workers, strict=True))
        return {
            "weft_photos": {("ok",): stats["photos_ok"], ("failed",): stats["photos_failed"]},
            # Codes of another version are one series.
            "weft_photo_failures": _summed((c if c in PHOTO_CODES else "other", n) for c, n in failures.items()),
            "weft_photos_cached": {(): stats["cached"]},
            "weft_jobs_ended": {(s.value,): ended.get(s.value, 0) for s, rule in RULES.items() if rule.terminal},
            "weft_jobs": {(s.value,): seen.states.get(s.value, 0) for s, rule in RULES.items() if not rule.terminal},
            "weft_jobs_waiting": {(what,): seen.waiting.get(what, 0) for what in sorted(set(WAITING_FOR.values()))},
            "weft_queue_photos": {(lane,): row["photos"] for lane, row in queue.items()},
            "weft_queue_chunks": {(lane,): row["ready"] for lane, row in queue.items()},
            "weft_queue_oldest_seconds": {(lane,): row["oldest"] or 0 for lane, row in queue.items()},
            "weft_keys_refused": {(): stats.get("keys_refused", 0)},
            "weft_dispatcher_up": {(): float(ledger.has_dispatcher())},
            "weft_workers": {(s.value,): sum(w.state == s for w in workers) for s in WorkerState},
            "weft_worker_photos_per_second": {(name,): w.rate or 0 for name, w in names},
            "weft_worker_memory_bytes": {(name,): (w.memory_mb or 0) * 1024**2 for name, w in names},
            "weft_redis_memory_bytes": {(): stats["redis_memory"]},
            "weft_redis_limit_bytes": {(): stats["redis_maxmemory"]},
            "weft_disk_size_bytes": {(): disk.total},
            "weft_disk_free_bytes": {(): disk.free},
            "weft_disk_reserve_bytes": {(): disk_reserve(self._services.settings, disk.total)},
            "weft_disk_used_bytes": {(kind,): size for kind, size in kept.bytes.items()} if kept else {},
            "weft_disk_measured_seconds": {(): time.time() - kept.at} if kept else {},
            "weft_model_info": {
                (w.model or "", w.engine or "", w.precision or "", w.device or ""): 1 for w in workers if w.works
            },
            "weft_bank_info": self._banks(),
            "weft_build_info": {(version("weft"),): 1},
        }

    def _banks(self) -> Values:
        found: Values = {}
        try:
            default = self._services.banks
            for info in default.banks.list()[:_MOST]:
                store = default.of(info.id)
                if not info.archived and (active := store.current()) is not None:
                    found[info.id, active, store.manifest(active).model] = 1
        except WeftError:
            # A bank that cannot be read is told by workers, pages and doctor.
            pass
        return found


def _names(workers: Sequence[Heartbeat]) -> list[str]:
    """A worker's host and its number there: ids have the process in them, and each restart would make a new series."""
    count: Counter[str] = Counter()
    names = []
    for worker in workers:
        count[worker.host] += 1
        names.append(f"{worker.host}/{min(count[worker.host], _MOST)}")
    return names


def _summed(rows: Iterable[tuple[str, int]]) -> Values:
    found: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for label, value in rows:
        found[label,] += value
    return found


def _family(metric: Metric, values: Values) -> Family:
    made = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = made(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _labels(metric: Metric, told: dict[str, str]) -> tuple[str, ...]:
    return tuple(told[label] for label in metric.labels)


def _measured(metric: Metric, measured: measurements.Samples) -> Values:
    return {
        _labels(metric, dict(told)): value for (name, told), value in measured.items() if name == f"{metric.name}_total"
    }


def _histogram(metric: Metric, measured: measurements.Samples) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    sums: Values = {}
    counts: defaultdict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for (name, pairs), value in measured.items():
        told = dict(pairs)
        if name == f"{metric.name}_sum":
            sums[_labels(metric, told)] = value
        elif name == f"{metric.name}_bucket":
            counts[_labels(metric, told)][told["le"]] = value
    bounds = [floatToGoString(bound) for bound in (*metric.buckets, float("inf"))]
    for labels, grown in sorted(counts.items()):
        # A bucket that was never grown has no total.
        family.add_metric(labels, [(bound, grown.get(bound, 0.0)) for bound in bounds], sums.get(labels, 0.0))
    return family
