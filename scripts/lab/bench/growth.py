"""How cost and memory grow with a job's size: `python -m scripts.lab.bench.growth [--sizes 1000,10000]`.

Folders of so many small files, each with a content of its own, go through one product with one worker, the engine
`null` or `sleep:MS` (milliseconds a photo), so that all that is measured is listing, reading, hashing, the ledger,
ranking, the projection, pages and exports. Pages are asked for all the while, at any place of the list. Besides:
`--jobs` small jobs and `--collections` collections at once, and how quick their lists stay.

Times of sizes that run one after another on a shared machine differ by what else it does, CPU time an item less.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import redis

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import tree
from scripts.lab.bench.night_results import GrowthReport, GrowthSize, ListTimes
from scripts.lab.bench.product import Product
from shared.core.settings import Settings
from shared.jobs import archive
from shared.jobs.ledger import Ledger, keys
from shared.jobs.ledger.server import open_client
from shared.jobs.projection import projection_path

EACH_FOLDER = 1000
#: Seconds between two looks at processes and pages.
_LOOK = 0.5
#: Files of a small job.
_SMALL = 8
#: What a process's command line says of its role.
_ROLES = {
    "redis-ledger": "ledger",
    "redis-cache": "cache",
    "dispatcher": "dispatcher",
    "web": "web",
    "worker": "worker",
}


def role_of(words: list[str]) -> str | None:
    """Which part of the product a command line runs."""
    last = Path(words[-1]).stem if words else ""
    return _ROLES.get(last)


class Watch(threading.Thread):
    """Looks at the product's processes, and asks for pages, until it is stopped."""

    def __init__(self, weft: Product, asked: Mapping[str, Callable[[], str]]) -> None:
        super().__init__(daemon=True)
        self._weft, self._asked = weft, asked
        self._ended = threading.Event()
        #: Role → most resident bytes of all its processes.
        self.memory: dict[str, int] = defaultdict(int)
        #: Page → milliseconds of each answer.
        self.times: dict[str, list[float]] = defaultdict(list)

    def run(self) -> None:
        while not self._ended.wait(_LOOK):
            for role, processes in by_role(self._weft).items():
                taken = 0
                for process in processes:
                    with suppress(psutil.NoSuchProcess):
                        taken += process.memory_info().rss
                self.memory[role] = max(self.memory[role], taken)
            for name, address in self._asked.items():
                began = time.perf_counter()
                self._weft.http.get(f"{self._weft.url}{address()}", timeout=120).raise_for_status()
                self.times[name].append(1000 * (time.perf_counter() - began))

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def by_role(weft: Product) -> dict[str, list[psutil.Process]]:
    found: dict[str, list[psutil.Process]] = defaultdict(list)
    for process in tree(weft.process.pid):
        with suppress(psutil.NoSuchProcess):
            role = role_of(process.cmdline())
            # A worker's child has the same command line.
            if role:
                found[role].append(process)
    return found


def cpu_by_role(weft: Product) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    for role, processes in by_role(weft).items():
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent[role] += times.user + times.system
    return spent


def percentiles(times: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    if len(times) < 2:
        only = round((times or [0.0])[0], 1)
        return only, only
    return round(statistics.median(times), 1), round(statistics.quantiles(times, n=20)[-1], 1)


def measure_size(
    weft: Product, client: redis.Redis, count: int, work: Path, kinds: Sequence[str], say: Callable[[str], None]
) -> GrowthSize:
    """One job of so many files, from asking for it to its export."""
    folder = work / f"files-{count}"
    for n in range(count):
        if n % EACH_FOLDER == 0:
            (folder / f"{n // EACH_FOLDER:04}").mkdir(parents=True)
        (folder / f"{n // EACH_FOLDER:04}" / f"{n:07}.jpg").write_bytes(b"%d of %d" % (n, count))
    say(f"{count:,} files: running")
    chance = random.Random(count)
    redis_before, cpu_before = _used(client), cpu_by_role(weft)
    began = time.perf_counter()
    job = weft.submit_folder(folder)
    submitted = time.perf_counter() - began
    with Watch(weft, _pages(job, count, chance)) as during:
        listed = _until(weft, job, lambda state: state["state"] != "listing")
        ended = weft.wait(job, 4 * 3600)
        # Its results are in the database, and its keys are gone.
        projected = _until_left(client, job, began)
    wall = (ended.finished or 0.0) - ended.created
    if (ended.ok, ended.total) != (count, count):
        raise product.BenchError(reason=f"wanted {count} ok, got {ended}")
    cpu = {role: spent - cpu_before.get(role, 0.0) for role, spent in cpu_by_role(weft).items()}
    say(f"{count:,} files: {wall:.0f} s; pages and exports")
    with Watch(weft, _pages(job, count, chance)) as after:
        time.sleep(30 * _LOOK)
    exports = {kind: _export(weft, job, kind) for kind in kinds}
    settings = Settings(data_dir=weft.data)
    # What the dispatcher does ten minutes later.
    archive.trim_due(settings, Ledger.connect(settings), 0)
    database = projection_path(settings, job)
    answer = GrowthSize(
        files=count,
        submit_ms=round(1000 * submitted, 1),
        listed_s=round(listed, 2),
        run_s=round(wall, 2),
        in_database_s=round(projected, 2),
        per_second=round(count / wall, 1),
        cpu_ms_an_item={role: round(1000 * spent / count, 3) for role, spent in sorted(cpu.items())},
        memory_mb={role: round(most / 1e6, 1) for role, most in sorted(during.memory.items())},
        during_ms={page: percentiles(times) for page, times in during.times.items()},
        after_ms={page: percentiles(times) for page, times in after.times.items()},
        export_us_an_item={kind: round(1e6 * seconds / count, 1) for kind, seconds in exports.items()},
        database_bytes_an_item=round(_size(database) / count, 1),
        redis_bytes_left=max(0, _used(client) - redis_before),
        redis_keys_left=sum(1 for _ in client.scan_iter(match=f"*{job}*", count=10_000)),
        aof_mb=round(sum(_size(path) for path in weft.data.rglob("*.aof")) / 1e6, 1),
    )
    # Said at once: what follows takes long, and may be cut off.
    say(json.dumps(answer.to_json()))
    shutil.rmtree(folder)
    return answer


def measure_lists(weft: Product, work: Path, jobs: int, collections: int) -> ListTimes:
    """Many small jobs and collections, and how quick the pages are that list them."""
    names = []
    for n in range(jobs):
        folder = work / "small" / f"{n:04}"
        folder.mkdir(parents=True)
        for file in range(_SMALL):
            (folder / f"{file}.jpg").write_bytes(b"small %d %d" % (n, file))
        names.append(weft.submit_folder(folder))
    for n in range(collections):
        body = {"folders": [str(work / "small" / f"{n % max(1, jobs):04}")], "name": f"collection {n}"}
        weft.http.post(f"{weft.url}/api/v1/collections", json=body, timeout=60).raise_for_status()
    lists = {
        "jobs page": lambda: "/jobs",
        "GET /jobs?limit=50": lambda: "/api/v1/jobs?limit=50",
        "GET /jobs?limit=500": lambda: "/api/v1/jobs?limit=500",
        "collections page": lambda: "/collections",
        "GET /collections": lambda: "/api/v1/collections",
    }
    with Watch(weft, lists) as during:
        for job in names:
            weft.wait(job)
    with Watch(weft, lists) as after:
        time.sleep(30 * _LOOK)
    return ListTimes(
        jobs=jobs,
        collections=collections,
        during_ms={page: percentiles(times) for page, times in during.times.items()},
        after_ms={page: percentiles(times) for page, times in after.times.items()},
    )


def _pages(job: str, count: int, chance: random.Random) -> dict[str, Callable[[], str]]:
    def anywhere() -> int:
        return chance.randrange(max(1, count - 48))

    return {
        "job page": lambda: f"/jobs/{job}",
        "job page, anywhere": lambda: f"/jobs/{job}?from={anywhere() + 1}",
        "GET job": lambda: f"/api/v1/jobs/{job}",
        "items, anywhere": lambda: f"/api/v1/jobs/{job}/items?items={(first := anywhere())}-{first + 47}&limit=48",
        "items, least certain first": lambda: f"/api/v1/jobs/{job}/items?sort=confidence&limit=48",
    }


def _until(weft: Product, job: str, reached: Callable[[Any], bool]) -> float:
    """Seconds until the job's answer fulfils it."""
    began = time.perf_counter()
    while not reached(weft.get(f"/api/v1/jobs/{job}")):
        time.sleep(0.1)
    return time.perf_counter() - began


def _until_left(client: redis.Redis, job: str, began: float) -> float:
    """Seconds since `began` when all results of the job are in its database."""
    while client.sismember(keys.UNPROJECTED, job):
        time.sleep(0.2)
    return time.perf_counter() - began


def _export(weft: Product, job: str, kind: str) -> float:
    began = time.perf_counter()
    with weft.http.get(f"{weft.url}/api/v1/jobs/{job}/export?format={kind}", stream=True, timeout=4 * 3600) as answer:
        answer.raise_for_status()
        for _ in answer.iter_content(1 << 20):
            pass
    return time.perf_counter() - began


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000", help="photos of each job, e.g. 1000,1000000")
    parser.add_argument("--engine", default="null")
    parser.add_argument("--exports", default="csv,jsonl,parquet,xlsx")
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--collections", type=int, default=200)
    parser.add_argument("--store", type=Path, default=Path("build/bench"))
    asked = parser.parse_args()
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - began:7.0f} s  {words}", flush=True)

    asked.store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weft-growth-") as name:
        work = Path(name)
        bench = Bench(asked.store.resolve(), work, quick=True, say=say)
        settings = {"engine": asked.engine}
        with product.running(bench.null_template, work, settings) as weft:
            client = open_client(Settings(data_dir=weft.data))
            kinds = asked.exports.split(",")
            sizes = [measure_size(weft, client, int(size), work, kinds, say) for size in asked.sizes.split(",")]
            lists = measure_lists(weft, work, asked.jobs, asked.collections) if asked.jobs else None
    print(json.dumps(GrowthReport(engine=asked.engine, sizes=sizes, lists=lists).to_json(), indent=2))


if __name__ == "__main__":
    main()
