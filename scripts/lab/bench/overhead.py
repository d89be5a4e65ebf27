"""(i) What queue, ledger, projection and web cost a photo: CPU of all processes, with an engine that does nothing."""

from __future__ import annotations

import shutil
from typing import Any

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Series, cpu_seconds
from scripts.lab.bench.results import Overhead


def measure(bench: Bench) -> Overhead:
    count = bench.pick(3000, 10_000)
    with product.running(bench.null_template, bench.work, {"engine": "null"}) as weft:
        weft.folder_job(bench.photos.fresh("224", 256), 256)
        series, by_process = Series(), []
        for _ in range(bench.pick(2, 3)):
            folder = bench.photos.fresh("224", count)
            before = _by_process(weft)
            series.readings.append(weft.folder_job(folder, count, cached=0))
            after = _by_process(weft)
            by_process.append({n: round(1000 * (after[n] - before.get(n, 0.0)) / count, 3) for n in after})
            shutil.rmtree(folder)
    return Overhead(photos=count, null=series.rates(), ms_by_process=by_process, overhead_ms=series.cpu_ms)


def _by_process(weft: product.Product) -> dict[str, float]:
    """CPU seconds by role; the command line tells which one a process has."""
    import psutil

    found: dict[str, float] = {"up": _own(psutil.Process(weft.process.pid))}
    for child in psutil.Process(weft.process.pid).children():
        words = child.cmdline()
        name = "redis" if "server" in words[0] else next((w for w in words[::-1] if w.isalpha()), "?")
        if name == "redis":
            name = "redis-ledger" if "ledger" in words[-1] else "redis-cache"
        found[name] = found.get(name, 0.0) + cpu_seconds([child.pid])
    return found


def _own(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
