"""Every metric of `/metrics`, declared once: what measures, what is shown, `docs/data-model.md` and the alert rules.

Values of labels come from small sets that the code or the site's set-up bounds: states, codes, routes, kinds, banks.
Never a job, a path, a photo or a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    #: Without the `_total` that Prometheus shows behind counters.
    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    #: Upper bounds of a histogram's buckets, in seconds.
    buckets: tuple[float, ...] = ()
    #: Counted in the process where it happens and added up in the ledger; else computed when somebody asks.
    measured: bool = False


#: From an answer out of memory to an upload of a night's photos.
_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
#: From a ranking in memory to a file on a tired share.
_STAGE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
#: What `stage` may say.
STAGES = ("read", "decode", "encode", "rank", "commit")


def _counter(name: str, meaning: str, *labels: str, measured: bool = False) -> Metric:
    return Metric(name, Kind.COUNTER, meaning, labels, measured=measured)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, meaning, labels)


def _histogram(name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, meaning, labels, tuple(buckets), measured=True)


TABLE = (
    _counter("weft_photos", "photos with an outcome", "status"),
    _counter("weft_photo_failures", "photos that failed, by error code", "code"),
    _counter("weft_photos_cached", "photos answered from the embedding cache"),
    _counter("weft_cache_lookups", "photos looked up in the embedding cache: hit or miss", "result", measured=True),
    _counter("weft_jobs_ended", "jobs that ended, by their last state", "state"),
    _gauge("weft_jobs", "jobs that have not ended", "state"),
    _gauge("weft_jobs_waiting", "started jobs that cannot move, by what they wait for", "for"),
    _gauge("weft_queue_photos", "photos of moving jobs without an outcome", "lane"),
    _gauge("weft_queue_chunks", "chunks waiting for a worker", "lane"),
    _gauge("weft_queue_oldest_seconds", "age of the oldest waiting chunk", "lane"),
    _histogram("weft_request_seconds", "time to answer a request", _REQUEST, "method", "route", "status"),
    _histogram(
        "weft_stage_seconds",
        "time of a stage: read and decode of a photo, encode and rank of a batch, commit of a part of a chunk",
        _STAGE,
        "stage",
    ),
    _counter("weft_keys_refused", "wrong keys"),
    _counter("weft_process_starts", "processes that became ready to work, by role", "role", measured=True),
    _gauge("weft_dispatcher_up", "1 while a dispatcher leads"),
    _gauge("weft_workers", "workers alive", "state"),
    _gauge("weft_worker_photos_per_second", "a worker's recent rate; `worker` is its host and a number", "worker"),
    _gauge("weft_worker_memory_bytes", "memory of a worker and its decoders", "worker"),
    _gauge("weft_redis_memory_bytes", "memory of the ledger's Redis"),
    _gauge("weft_redis_limit_bytes", "what that Redis may use at most; 0: no limit"),
    _gauge("weft_disk_size_bytes", "size of the disk with the data folder, seen from the web server"),
    _gauge("weft_disk_free_bytes", "free space on that disk"),
    _gauge("weft_disk_reserve_bytes", "free space below which no job is accepted"),
    _gauge("weft_disk_used_bytes", "what Weft keeps, by kind, measured by the dispatcher", "kind"),
    _gauge("weft_disk_measured_seconds", "age of that measurement"),
    _counter("weft_retention_bytes", "bytes that retention has removed", "kind", measured=True),
    _gauge("weft_model_info", "1 for each model that a worker has loaded", "model", "engine", "precision", "device"),
    _gauge("weft_bank_info", "1 for each bank's active version", "bank", "version", "model"),
    _gauge("weft_build_info", "1", "version"),
)
METRICS = {metric.name: metric for metric in TABLE}
