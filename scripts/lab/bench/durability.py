"""(j) What it costs that every commit is on the disk before it is answered: `appendfsync always` beside `everysec`."""

from __future__ import annotations

import shutil

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Reading, in_turns, ratio
from scripts.lab.bench.results import Durability


def measure(bench: Bench) -> Durability:
    count = bench.pick(3000, 10_000)
    settings = {"engine": "null"}
    with (
        product.running(bench.null_template, bench.work, {**settings, "appendfsync": "always"}) as always,
        product.running(bench.null_template, bench.work, {**settings, "appendfsync": "everysec"}) as everysec,
    ):

        def job(weft: product.Product, photos: int) -> Reading:
            folder = bench.photos.fresh("224", photos)
            taken = weft.folder_job(folder, photos, cached=0)
            shutil.rmtree(folder)
            return taken

        for weft in (always, everysec):
            job(weft, 256)
        turns = in_turns(
            {"always": lambda _: job(always, count), "everysec": lambda _: job(everysec, count)}, bench.pick(3, 5)
        )
    return Durability(
        photos=count,
        always=turns["always"].rates(),
        everysec=turns["everysec"].rates(),
        durable_vs_everysec=ratio(turns["always"], turns["everysec"]),
    )
