"""(h) A person's own set: a bank from one folder per class, the other folder as one job, twice; and a long job."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Reading, Series, ratio, reading
from scripts.lab.bench.loops import Loops
from scripts.lab.bench.photos import files
from scripts.lab.bench.results import LongJob, OwnSet
from scripts.lab.bench.whole import ceiling
from shared.photos.formats import is_photo_name

#: Photos of the long job.
LONG = 5000


def own(bench: Bench) -> OwnSet:
    """Raises BenchError where counts are not exact, or the second run is not answered from the cache alone."""
    if bench.own_bank is None or bench.own_photos is None:
        return OwnSet(skipped="needs --bank and --photos")
    template = bench.data("own", bench.own_bank, **bench.settings)
    count = sum(is_photo_name(path.name) for path in bench.own_photos.rglob("*") if path.is_file())
    roots = str(bench.own_photos.resolve())
    with product.running(template, bench.work, bench.settings | {"folder_roots": roots}) as weft:
        first = weft.folder_job(Path(roots), count)
        again = [weft.folder_job(Path(roots), count, cached=count) for _ in range(3)]
    warm = Series(again)
    return OwnSet(
        photos=count,
        first_s=first.wall,
        cached_s=[one.wall for one in again],
        own_cached_vs_first=warm.best.per_second / first.per_second,
    )


def long(bench: Bench) -> LongJob:
    """5,000 small photos as one job, beside a bare loop in one process that decodes and then encodes them."""
    count = bench.pick(500, LONG)
    loops = Loops(bench.of(bench.template))
    folder = bench.photos.fresh("224", count)
    with product.running(bench.template, bench.work, bench.settings) as weft:
        bare: list[Reading] = []
        for _ in range(2):
            series = {"decode": Series([loops.decode(folder)]), "encode": Series([loops.encode(folder, count // 4)])}
            bare += ceiling(series).readings
            if len(bare) == 1:
                with reading(count, *weft.pids) as taken:
                    job = weft.folder_job(folder, count, cached=0)
    loops.close()
    lost = count - len(files(folder))
    shutil.rmtree(folder)
    job_rate = Series([Reading(count, taken.wall, job.cpu)])
    mean = Series([Reading(1000, sum(one.wall for one in bare) / len(bare))])
    return LongJob(photos=count, lost=lost, job=job_rate.rates(), long_vs_bare=ratio(job_rate, mean))
