"""Which measurements there are, in which order they run, and the figures that the others are judged by."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from scripts.lab.bench import (
    cached,
    collections,
    decoding,
    durability,
    exports,
    fairness,
    footprint,
    hostile,
    index,
    interactive,
    limit,
    overhead,
    own_set,
    ranking,
    scaling,
    similar,
    whole,
)
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Neighbours
from scripts.lab.bench.results import BenchReport, Machine, Measured, Result
from shared.core.errors import WeftError


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    key: str
    title: str
    #: Which measurement yields it.
    source: str
    #: What it should reach, and whether more is better.
    goal: float | None
    more: bool = True
    unit: str = "×"

    def reached(self, value: float | None) -> bool | None:
        if value is None or self.goal is None:
            return None
        return value >= self.goal if self.more else value <= self.goal


MEASUREMENTS: dict[str, Callable[[Bench], Result]] = {
    "overhead": overhead.measure,
    "limit": limit.measure,
    "whole": whole.measure,
    "cached": cached.measure,
    "durability": durability.measure,
    "hostile": hostile.measure,
    "interactive": interactive.measure,
    "footprint": footprint.measure,
    "scale": scaling.pinned,
    "sleep": scaling.sleeping,
    "ranking": ranking.measure,
    "index": index.measure,
    "decoding": decoding.measure,
    "similar": similar.measure,
    "exports": exports.measure,
    "collections": collections.measure,
    "fairness": fairness.measure,
    "own": own_set.own,
    "long": own_set.long,
}
#: Left out of a quick run unless asked for.
LONG = ("long",)

FIGURES = (
    Figure("whole_vs_ceiling", "whole product, cold, 1 MP, beside 1/(1/decode + 1/encode)", "whole", 0.85),
    Figure("whole_vs_old_way", "whole product beside the old way", "whole", 6.0),
    Figure("whole_vs_best_server", "whole product beside the best server", "whole", 2.0),
    Figure("whole_vs_best_script", "whole product beside the strongest script", "whole", 1.0),
    Figure("encoder_vs_limit", "encoder beside the matrix-product limit", "limit", 0.80),
    Figure("cached_per_s", "everything cached, 224 px, folder job", "cached", 1000, unit="photos/s"),
    Figure("cached_vs_cold", "cached beside cold", "cached", 20),
    Figure("overhead_ms", "queue, ledger and web, null encoder, CPU a photo", "overhead", 0.6, more=False, unit="ms"),
    Figure("durable_vs_everysec", "appendfsync always beside everysec, null encoder", "durability", 0.4),
    Figure("hostile_vs_good", "good photos with one hostile for nine good among them, beside alone", "hostile", 0.7),
    Figure("scale_2", "2 workers beside 1, a core each", "scale", 1.85),
    Figure("scale_16", "16 workers beside 1, sleeping engine", "sleep", 15),
    Figure("interactive_p95_ms", "one photo under full bulk load, p95", "interactive", 1000, more=False, unit="ms"),
    Figure("decode_scale", "decoding processes, one per core, beside as many times one", "decoding", 0.9),
    Figure(
        "ranking_large_ms",
        "ranking in a bank of up to 1,000,000 × 512, one thread",
        "ranking",
        8,
        more=False,
        unit="ms",
    ),
    Figure("ranking_exact", "nearest samples found in it", "ranking", 1.0),
    Figure("index_ms", "200,000 × 512 through the bank server, client and server", "index", 4, more=False, unit="ms"),
    Figure("index_exact", "nearest samples found through it", "index", 1.0),
    Figure("like_cpu_ms", "photos like one of 100,000, CPU", "similar", 500, more=False, unit="ms"),
    Figure("groups_s", "groups of 100,000 photos that look alike", "similar", 60, more=False, unit="s"),
    Figure("xlsx_vs_csv", "10,000 results as XLSX beside CSV, CPU", "exports", 2.0, more=False),
    Figure(
        "collection_run_s",
        "collection of 100,000 files, 100 new: asked to queued",
        "collections",
        10,
        more=False,
        unit="s",
    ),
    Figure(
        "small_first_worst_s", "small job beside two mountains: to its first photo, worst", "fairness", 10, False, "s"
    ),
    Figure("mountain_balance", "two mountains side by side: photos of the one beside the other", "fairness", 0.8),
    Figure("ready_s", "worker: start to ready, converted model", "footprint", 3.0, more=False, unit="s"),
    Figure("resident_mb", "worker: resident memory", "footprint", 900, more=False, unit="MB"),
    Figure("worker_pss_mb", "worker and decoding processes, proportional", "footprint", 600, more=False, unit="MB"),
    Figure("web_ready_s", "web: start to first answer", "footprint", 2.0, more=False, unit="s"),
    Figure("web_resident_mb", "web: resident memory", "footprint", 150, more=False, unit="MB"),
    Figure("own_cached_vs_first", "own set: second run beside the first", "own", 20),
    Figure("long_vs_bare", "5,000-photo job beside the bare loops", "long", 0.75),
)


def run(bench: Bench, only: Collection[str] = ()) -> BenchReport:
    """Measures, and continues where one measurement fails; its error stands in its place."""
    chosen = [n for n in MEASUREMENTS if (n in only if only else not (bench.quick and n in LONG))]
    results: dict[str, Measured] = {}
    errors: dict[str, str] = {}
    for name in chosen:
        if bench.out_of_time:
            errors[name] = "left out: a quick run's time is up"
            continue
        bench.say(f"measuring: {name}")
        neighbours, began = Neighbours(), time.monotonic()
        try:
            result = MEASUREMENTS[name](bench)
        except WeftError as error:
            errors[name] = str(error.detail.get("reason") or error)
            continue
        results[name] = Measured(result, round(time.monotonic() - began, 1), round(neighbours.share(), 3))
    figures = {
        figure.key: _rounded(results[figure.source].figure(figure.key)) if figure.source in results else None
        for figure in FIGURES
    }
    return BenchReport(figures, machine(), results, errors)


def machine() -> Machine:
    """What the figures were taken on."""
    from shared.encoder import hardware

    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu_precision=hardware.cpu_precision(),
        python=platform.python_version(),
        system=platform.system(),
        load_average=os.getloadavg(),
    )


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if isinstance(value, float) else value
