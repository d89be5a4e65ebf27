"""(e) More workers: 2 beside 1 with the real model, a core each; 16 beside 1 with an engine that only waits."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Reading, in_turns, ratio
from scripts.lab.bench.results import Scaling, Sleeping

#: Milliseconds that the waiting engine takes a photo: as long as ViT-B/32 does on two cores.
SLEEP_MS = 30
MANY = 16


def pinned(bench: Bench) -> Scaling:
    """1, 2 … N workers, each bound to a core of its own, each set in a product of its own, in turns."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return Scaling(scale_2=None)
    steps = [1, 2] if bench.quick else [n for n in (1, 2, 4, 8, 16, 32) if n <= len(cores)]
    with ExitStack() as stack:
        products = {}
        for count in steps:
            weft = stack.enter_context(
                product.running(bench.template, bench.work, bench.settings | {"threads": "1"}, workers=0)
            )
            for core in cores[:count]:
                weft.add_worker(core=core)
            weft.await_workers(count)
            weft.folder_job(bench.photos.fresh("224", 32 * count), 32 * count)
            products[count] = weft

        def work(count: int, _: int) -> Reading:
            photos = bench.pick(64, 192) * count
            folder = bench.photos.fresh("1mp", photos)
            try:
                return products[count].folder_job(folder, photos, cached=0)
            finally:
                shutil.rmtree(folder)

        series = in_turns({str(count): partial(work, count) for count in steps}, bench.pick(2, 5))
    rates = {count: one.rates() for count, one in series.items()}
    return Scaling(workers=rates, scale_2=ratio(series["2"], series["1"]))


def sleeping(bench: Bench) -> Sleeping:
    """What the queue and the ledger let 16 workers do, whatever the machine's cores do."""
    with ExitStack() as stack:
        products = {}
        for count in (1, MANY):
            products[count] = stack.enter_context(
                product.running(bench.null_template, bench.work, {"engine": f"sleep:{SLEEP_MS}"}, workers=count)
            )

        def work(count: int, _: int) -> Reading:
            photos = bench.pick(160, 256) * count
            folder: Path = bench.photos.fresh("224", photos)
            try:
                return products[count].folder_job(folder, photos)
            finally:
                shutil.rmtree(folder)

        series = in_turns({str(count): partial(work, count) for count in products}, bench.pick(2, 3))
    rates = {count: one.rates() for count, one in series.items()}
    return Sleeping(sleep_ms=SLEEP_MS, workers=rates, scale_16=ratio(series[str(MANY)], series["1"]))
