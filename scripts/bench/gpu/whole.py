"""The whole product over HTTP, Redis and Celery on one model: one worker, a waiting user, then four workers."""

from __future__ import annotations

import os
import shutil
import statistics
import time

from scripts.bench import product
from scripts.bench.gpu.setting import Setting, setting, tell
from scripts.bench.photos import files
from scripts.bench.product import Product

WORKERS = 4


def main() -> None:
    with setting() as given:
        began = time.perf_counter()
        with product.running(given.data, given.work, given.settings()) as weft:
            tell(up_ready_s=time.perf_counter() - began)
            _job(weft, given, "warm_up", max(64, given.count // 20))
            _job(weft, given, "one_worker", given.count)
            singles = files(given.photos.fresh("1mp", 16))
            waits = [1000 * weft.classify(photo) for photo in singles]
            tell(classify_ms={"median": statistics.median(waits), "most": max(waits)})
            tell(workers=weft.get("/api/v1/workers")["workers"])
            threads = max(1, (os.cpu_count() or 1) // WORKERS)
            for _ in range(WORKERS - 1):
                weft.add_worker(threads=str(threads))
            weft.await_workers(WORKERS)
            _job(weft, given, "four_workers", given.count)


def _job(weft: Product, given: Setting, name: str, count: int) -> None:
    folder = given.photos.fresh("1mp", count)
    taken = weft.folder_job(folder, count, cached=0)
    shutil.rmtree(folder)
    tell(**{name: {"photos": count, "per_second": taken.per_second, "cpu_ms": taken.cpu_ms}})


if __name__ == "__main__":
    main()
