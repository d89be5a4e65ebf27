"""What the measurements of `weft bench` yield: the `raw` part of its JSON. Names carry their units.

A ratio is how many times faster the first is than the second; None: not measured on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import Field

from scripts.lab.bench.night_results import CollectionRun, Fairness
from shared.core.documents import Document


class Rates(Document):
    """The same work again and again: median and best rate, and that of every round."""

    per_second: float
    best_per_second: float
    cpu_ms_a_photo: float
    rounds: list[float]


class Overhead(Document):
    photos: int
    null: Rates
    #: CPU a photo by role of process, for every round.
    ms_by_process: list[dict[str, float]]
    overhead_ms: float


class Limit(Document):
    precision: str
    limit_gflops: float
    limit_photos_per_s: Rates
    encoder: Rates
    encoder_vs_limit: float
    encoder_vs_limit_best: float
    micro_batch: int
    streams: int


class Cached(Document):
    cold_per_s: float
    cached: Rates
    cached_per_s: float
    cached_vs_cold: float
    photos: int
    #: Photos that POST /jobs receives.
    upload_per_s: float


class Durability(Document):
    photos: int
    always: Rates
    everysec: Rates
    durable_vs_everysec: float


class Hostile(Document):
    photos: int
    hostile: int
    good: Rates
    #: Good photos per second, with the hostile ones among them.
    beside_hostile: Rates
    hostile_vs_good: float
    worker_replaced: bool


class Waits(Document):
    """Milliseconds that one photo takes."""

    p50: float
    p95: float
    worst: float


class Interactive(Document):
    idle_ms: Waits
    loaded_ms: Waits
    #: Rate of the folder job meanwhile, and its state at the end.
    bulk_per_s_meanwhile: float
    bulk_state_at_end: str
    worker_rate: float | None
    interactive_p95_ms: float


class WebFootprint(Document):
    ready_s: float
    resident_mb: float
    #: Library → whether a process has it mapped.
    mapped: dict[str, bool]


class Footprint(Document):
    web: list[WebFootprint]
    web_ready_s: float
    web_resident_mb: float
    worker_ready_s: list[float]
    worker_mapped: dict[str, bool]
    ready_s: float
    resident_mb: float
    #: Of the worker's processes and its decoding processes: what several share is divided among them.
    worker_pss_mb: float


class Scaling(Document):
    """Workers bound to a core each; their number → rates."""

    workers: dict[str, Rates] | None = None
    #: None where the machine has one core.
    scale_2: float | None


class Sleeping(Document):
    """Workers whose engine only waits; their number → rates."""

    sleep_ms: int
    workers: dict[str, Rates]
    scale_16: float


class Ranked(Document):
    """One bank ranked by one method, on one thread."""

    classes: int
    vectors: int
    dimensions: int
    method: str
    ms_a_photo: float
    cpu_ms_a_photo: float
    #: By how much the process grew meanwhile.
    resident_mb: float
    #: Share of candidates whose sample is the nearest of all samples of its class.
    exact: float


class RankingCost(Document):
    banks: list[Ranked]
    ranking_small_ms: float
    #: The slowest of the large banks.
    ranking_large_ms: float
    ranking_exact: float


class Served(Document):
    """One bank ranked by one method through the bank server, beside the same in mapped files; CPU of one photo."""

    classes: int
    vectors: int
    dimensions: int
    method: str
    local_cpu_ms: float
    client_cpu_ms: float
    #: None where the server is on another machine.
    server_cpu_ms: float | None
    ms_a_photo: float
    exact: float
    #: Seconds to copy, index and check the table, its size, and the queries that it was checked with.
    publish_s: float = 0.0
    table_mb: float = 0.0
    compared: int = 0


class ServedCost(Document):
    banks: list[Served]
    #: Client and server, the slowest method at 200,000 samples.
    index_ms: float
    index_exact: float


class SimilarCost(Document):
    """Like one photo among many, and groups of photos; made-up vectors."""

    photos: int
    #: CPU per query: `similar` and the filter `like`.
    like_cpu_ms: float
    #: Share of queries whose nearest photos are all of their own cloth.
    like_right: float
    groups_cpu_s: float
    groups_s: float
    #: Share of the photos that are in a group.
    grouped: float
    #: Share of the grouped photos that are of their group's most frequent cloth.
    groups_pure: float


class ExportCost(Document):
    """A job's results as files, CPU."""

    results: int
    csv_cpu_ms_a_result: float
    #: Format → its CPU time relative to CSV, the median of rounds.
    beside_csv: dict[str, float]
    xlsx_vs_csv: float


class FormatCost(Document):
    """One way to decode a 12-megapixel picture."""

    format: str
    way: str
    bytes: int
    cpu_ms: float
    #: Width × height of what comes out.
    decoded: str
    #: Mean difference of the way in use, both resized to 224 × 168, 0…255.
    grey_levels: float


class Decoding(Document):
    #: Decoding processes that feed an encoder that costs nothing; their number → rates.
    pools: dict[str, Rates]
    decoders: int
    #: Rate of all of them beside as many times one.
    decode_scale: float
    formats: list[FormatCost]


class OwnSet(Document):
    #: Why it was not measured.
    skipped: str | None = None
    photos: int = 0
    first_s: float = 0.0
    cached_s: list[float] = Field(default_factory=list)
    own_cached_vs_first: float | None = None


class LongJob(Document):
    photos: int
    #: Photos without an outcome.
    lost: int
    job: Rates
    long_vs_bare: float


class Whole(Document):
    whole_vs_ceiling: float
    pipeline_vs_ceiling: float
    #: The same in CPU time: what the product takes for a photo beside what decoding and encoding alone take.
    ceiling_cpu_vs_whole_cpu: float
    whole_vs_old_way: float | None
    whole_vs_best_server: float | None
    best_server: str | None
    whole_vs_best_script: float | None
    best_script: str | None
    #: By what ran; `ceiling`: decoding and encoding with nothing else going on.
    one_megapixel: Annotated[dict[str, Rates], Field(alias="1mp")]
    #: Not in a quick run.
    twelve_megapixels: Annotated[dict[str, Rates], Field(alias="12mp")] = Field(default_factory=dict)
    #: Peers that could not be measured, and why.
    failed: dict[str, str]


Result = (
    Overhead
    | Limit
    | Whole
    | Cached
    | Durability
    | Hostile
    | Interactive
    | Footprint
    | Scaling
    | Sleeping
    | RankingCost
    | ServedCost
    | SimilarCost
    | ExportCost
    | CollectionRun
    | Fairness
    | Decoding
    | OwnSet
    | LongJob
)


R = TypeVar("R", bound=Document)


class Machine(Document):
    """What the figures were taken on."""

    cores: int
    cpu_precision: str
    python: str
    system: str
    #: Over 1, 5 and 15 minutes.
    load_average: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement, how long it took, and the share of the machine that other processes took meanwhile."""

    result: Result
    seconds: float
    others_took: float

    def figure(self, key: str) -> float | None:
        """One of its figures; None where it was not measured."""
        value: float | None = getattr(self.result, key, None)
        return value


@dataclass(frozen=True, slots=True)
class BenchReport:
    """The answer of `weft bench`."""

    #: By `Figure.key`; None: not measured.
    figures: dict[str, float | None]
    machine: Machine
    results: dict[str, Measured]
    #: Why a measurement is missing.
    errors: dict[str, str]

    def of(self, kind: type[R]) -> R | None:
        """The result of this type, where it was measured."""
        return next((one.result for one in self.results.values() if isinstance(one.result, kind)), None)

    def to_json(self) -> dict[str, Any]:
        raw = {
            name: {**one.result.to_json(), "seconds": one.seconds, "others_took": one.others_took}
            for name, one in self.results.items()
        }
        return {**self.figures, "machine": self.machine.to_json(), "raw": raw, "errors": self.errors}
