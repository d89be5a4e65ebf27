"""(f) How long one waiting user waits, while nothing else runs and while a large folder is being classified."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.photos import files
from scripts.lab.bench.product import Product
from scripts.lab.bench.results import Interactive, Waits


def measure(bench: Bench) -> Interactive:
    count = bench.pick(20, 60)
    with product.running(bench.template, bench.work, bench.settings) as weft:
        weft.folder_job(bench.photos.fresh("224", 64), 64)
        singles = files(bench.photos.fresh("1mp", 2 * count + 2))
        weft.classify(singles.pop())
        idle = _waits(weft, singles[:count])
        load = bench.photos.fresh("1mp", 4000)
        job = weft.submit_folder(load)
        while weft.get(f"/api/v1/jobs/{job}")["ok"] < 32:
            time.sleep(0.1)
        before = _done(weft, job)
        loaded = _waits(weft, singles[count : 2 * count])
        after = _done(weft, job)
        workers = weft.get("/api/v1/workers")["workers"]
        still = weft.get(f"/api/v1/jobs/{job}")["state"]
        weft.http.post(f"{weft.url}/api/v1/jobs/{job}/cancel", timeout=30).raise_for_status()
    bulk = (after[1] - before[1]) / (after[0] - before[0])
    return Interactive(
        idle_ms=_percentiles(idle),
        loaded_ms=_percentiles(loaded),
        bulk_per_s_meanwhile=bulk,
        bulk_state_at_end=still,
        worker_rate=workers[0]["rate"] if workers else None,
        interactive_p95_ms=_percentiles(loaded).p95,
    )


def _waits(weft: Product, photos: list[Path]) -> list[float]:
    waits = []
    for photo in photos:
        waits.append(weft.classify(photo))
        # People do not ask in step with the micro-batches.
        time.sleep(0.05 + 0.1 * (len(waits) % 3))
    return waits


def _done(weft: Product, job: str) -> tuple[float, int]:
    return time.perf_counter(), weft.get(f"/api/v1/jobs/{job}")["ok"]


def _percentiles(seconds: list[float]) -> Waits:
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return Waits(p50=round(1000 * cuts[9], 1), p95=round(1000 * cuts[18], 1), worst=round(1000 * max(seconds), 1))
