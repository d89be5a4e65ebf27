"""(d) A folder that was classified before: every photo comes out of the embedding cache. 224-pixel photos."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Series
from scripts.lab.bench.photos import files
from scripts.lab.bench.results import Cached


def measure(bench: Bench) -> Cached:
    with product.running(bench.template, bench.work, bench.settings) as weft:
        cold_count = bench.pick(192, 1024)
        folder = bench.photos.fresh("224", cold_count)
        cold = weft.folder_job(folder, cold_count, cached=0)
        # The same contents under many names: a long night's folder without its first night.
        copies = bench.pick(16, 8)
        many = _copies(folder, copies)
        count = copies * cold_count
        warm = Series([weft.folder_job(many, count, cached=count) for _ in range(bench.pick(2, 4))])
        shutil.rmtree(many)
        upload = _uploaded(weft, bench)
    return Cached(
        cold_per_s=cold.per_second,
        cached=warm.rates(),
        cached_per_s=warm.per_second,
        cached_vs_cold=warm.per_second / cold.per_second,
        photos=count,
        upload_per_s=upload,
    )


def _copies(folder: Path, count: int) -> Path:
    target = folder.with_name(f"{folder.name}-again")
    for number in range(count):
        below = target / str(number)
        below.mkdir(parents=True)
        for photo in files(folder):
            os.link(photo, below / photo.name)
    return target


def _uploaded(weft: product.Product, bench: Bench) -> float:
    """Photos a second that POST /jobs receives: read, hashed, synced to disk and in the ledger before it answers."""
    import time

    paths = files(bench.photos.fresh("1mp", bench.pick(32, 128)))
    began = time.perf_counter()
    answer = weft.http.post(
        f"{weft.url}/api/v1/jobs", files=[("files", (p.name, p.read_bytes())) for p in paths], timeout=300
    )
    answer.raise_for_status()
    received = time.perf_counter() - began
    weft.wait(answer.json()["id"])
    return len(paths) / received
