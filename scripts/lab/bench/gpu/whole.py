"""The whole product over HTTP, Redis and Celery on one model: one worker and a waiting user, then several workers."""

from __future__ import annotations

import shutil
import statistics
import time

from scripts.lab.bench import product
from scripts.lab.bench.gpu.setting import Setting, setting, tell
from scripts.lab.bench.photos import files
from scripts.lab.bench.product import Product
from shared.core.settings import cores

#: Workers that share the device and the cores.
WORKERS = (1, 2, 4)


def main() -> None:
    with setting() as given, product.running(given.data, given.work, given.settings(), workers=0) as weft:
        for count in WORKERS:
            began = time.perf_counter()
            for _ in range(count):
                weft.add_worker(threads=str(max(1, cores() // count)))
            weft.await_workers(count)
            tell(**{f"ready_s_{count}": time.perf_counter() - began})
            _job(weft, given, f"warm_up_{count}", max(64, given.count // 20))
            _job(weft, given, f"workers_{count}", given.count)
            if count == 1:
                _waits(weft, given)
            weft.stop_workers()


def _job(weft: Product, given: Setting, name: str, count: int) -> None:
    folder = given.photos.fresh("1mp", count)
    taken = weft.folder_job(folder, count, cached=0)
    shutil.rmtree(folder)
    tell(**{name: {"photos": count, "per_second": taken.per_second, "cpu_ms": taken.cpu_ms}})


def _waits(weft: Product, given: Setting) -> None:
    waits = [1000 * weft.classify(photo) for photo in files(given.photos.fresh("1mp", 16))]
    tell(classify_ms={"median": statistics.median(waits), "most": max(waits)})
    tell(workers=weft.get("/api/v1/workers")["workers"])


if __name__ == "__main__":
    main()
