"""(n) Small jobs beside mountains: two jobs of many thousand photos run, and ten of 40 arrive one after another.

The engine only sleeps, so that the turns are what is measured. A small job has more photos than one that somebody waits
for, so it stands in the same line as the mountains. Times are those of the ledger's own clock.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from statistics import median

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.night_results import Fairness
from scripts.lab.bench.product import BenchError

#: Milliseconds that a photo takes, and workers.
SLEEP_MS, WORKERS = 30, 2
MOUNTAIN, QUICK_MOUNTAIN = 20_000, 8_000
SMALL, SMALL_JOBS, ALONE = 40, 10, 3
#: Seconds between two small jobs.
_EVERY = 3.0


def measure(bench: Bench) -> Fairness:
    count = bench.pick(QUICK_MOUNTAIN, MOUNTAIN)
    folder = bench.work / "fairness"
    small = [folder / f"small-{n}" for n in range(SMALL_JOBS)]
    with bench.preparing():
        for path, number in ((folder / "a", count), (folder / "b", count), *((path, SMALL) for path in small)):
            _fill(path, number)
        for n in range(ALONE):
            _fill(folder / f"alone-{n}", SMALL)
    with product.running(bench.null_template, bench.work, {"engine": f"sleep:{SLEEP_MS}"}, workers=WORKERS) as weft:
        alone = [_took(weft, weft.submit_folder(folder / f"alone-{n}"))[1] for n in range(ALONE)]
        mountains = [weft.submit_folder(folder / name) for name in "ab"]
        _until_under_way(weft, mountains)
        before = [_done(weft, job) for job in mountains]
        jobs = []
        for path in small:
            jobs.append(weft.submit_folder(path))
            time.sleep(_EVERY)
        times = [_took(weft, job) for job in jobs]
        after = [_done(weft, job) for job in mountains]
        if max(after) >= count:
            raise BenchError(reason="a mountain was done before the small jobs were")
        # A chunk more or less says nothing: over a longer stretch, the two have as many turns.
        longer = _stretch(weft, mountains, before, bench.pick(3_000, 8_000))
        for job in mountains:
            weft.http.post(f"{weft.url}/api/v1/jobs/{job}/cancel", timeout=30).raise_for_status()
    shutil.rmtree(folder)
    got = [last - first for first, last in zip(before, after, strict=True)]
    everything = sum(got) + SMALL * SMALL_JOBS
    waits, ends = [wait for wait, _ in times], [end for _, end in times]
    return Fairness(
        mountains=[count, count],
        small_jobs=SMALL_JOBS,
        small_photos=SMALL,
        alone_done_s=round(median(alone), 2),
        small_first_s=round(median(waits), 2),
        small_first_worst_s=round(max(waits), 2),
        small_done_s=round(median(ends), 2),
        small_done_worst_s=round(max(ends), 2),
        small_done_vs_alone=round(median(ends) / median(alone), 1),
        mountain_shares=[round(part / everything, 3) for part in got],
        small_share=round(SMALL * SMALL_JOBS / everything, 3),
        mountain_balance=round(min(longer) / max(longer), 3),
    )


def _fill(folder: Path, count: int) -> None:
    """So many files, no two alike: an engine that only sleeps reads and hashes them, and no more."""
    folder.mkdir(parents=True)
    for n in range(count):
        (folder / f"{n:06}.jpg").write_bytes(f"{folder.name} {n}".encode())


def _done(weft: product.Product, job: str) -> int:
    return int(weft.get(f"/api/v1/jobs/{job}")["ok"])


def _until_under_way(weft: product.Product, jobs: list[str]) -> None:
    while not all(_done(weft, job) > 200 for job in jobs):
        time.sleep(0.2)


def _stretch(weft: product.Product, jobs: list[str], before: list[int], photos: int) -> list[int]:
    """Photos of each since `before`, once they are so many together."""
    while True:
        got = [_done(weft, job) - first for job, first in zip(jobs, before, strict=True)]
        if sum(got) >= photos:
            return got
        time.sleep(0.2)


def _took(weft: product.Product, job: str) -> tuple[float, float]:
    """Seconds from its submission until its first chunk was begun, and until its end."""
    weft.wait(job)
    found = weft.get(f"/api/v1/jobs/{job}")
    return found["started"] - found["created"], found["finished"] - found["created"]
