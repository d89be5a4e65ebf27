"""(m) A night's second run: a collection of 100,000 small files of which 100 are new, from asking for it to its job.

What the first run made known is written as it writes it, with made-up hashes: classifying would take a quarter of an
hour and is measured elsewhere. No worker runs, so that all that is measured is listing, comparing and queueing.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from scripts.lab.bench import product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.night_results import CollectionRun
from scripts.lab.bench.product import BenchError
from shared.collections.look import Look
from shared.collections.runs import RunState
from shared.collections.store import Collections
from shared.core.settings import Settings
from shared.jobs.projection import open_projection

FILES, QUICK_FILES, NEW, EACH_FOLDER = 100_000, 20_000, 100, 1000
#: The job that is said to have classified the first ones.
_FIRST = "0000000000000"


def measure(bench: Bench) -> CollectionRun:
    count = bench.pick(QUICK_FILES, FILES)
    folder = bench.work / "collection"
    with bench.preparing():
        for n in range(count):
            _write(folder / f"{n // EACH_FOLDER:03}" / f"{n:06}.jpg", n)
    with product.running(bench.null_template, bench.work, {"engine": "null"}, workers=0) as weft:
        answer = weft.http.post(f"{weft.url}/api/v1/collections", json={"folders": [str(folder)]}, timeout=30)
        answer.raise_for_status()
        collection = str(answer.json()["id"])
        with bench.preparing():
            _make_known(Settings(data_dir=weft.data, folder_roots=str(bench.work)), collection)
        nothing = [_run(weft, collection, chosen=0) for _ in range(bench.pick(2, 3))]
        for n in range(NEW):
            _write(folder / "new" / f"{n:04}.jpg", count + n)
        queued = _run(weft, collection, chosen=NEW)
    shutil.rmtree(folder)
    return CollectionRun(files=count, new=NEW, collection_nothing_s=round(median(nothing), 2), collection_run_s=queued)


def _write(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"%d" % number)
    os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


def _make_known(settings: Settings, collection: str) -> None:
    collections = Collections(settings)
    own = collections.find(collection)
    with closing(open_projection(settings, _FIRST)), collections.index(own.id) as index:
        with index.transaction():
            run = index.runs.ask()
            # The dispatcher must not do it.
            index.runs.advance(run.id, RunState.WAITING, state=RunState.DONE, ended=time.time())
        look = Look(index, own, settings.roots, index.runs.find(run.id))
        look.look(lambda job: True)
        look.plan(RunState.DONE)
        with index.transaction():
            index.settle(_FIRST)
            index.db.execute("UPDATE files SET sha256 = printf('%064x', idx)")


def _run(weft: product.Product, collection: str, chosen: int) -> float:
    """Seconds from asking for a run to its job."""
    address = f"{weft.url}/api/v1/collections/{collection}/runs"
    began = time.perf_counter()
    answer = weft.http.post(address, json={}, timeout=30)
    answer.raise_for_status()
    while True:
        run = weft.get(f"/api/v1/collections/{collection}/runs/{answer.json()['id']}")
        if run["state"] not in ("waiting", "looking", "submitting"):
            break
        time.sleep(product.POLL)
    if run["counts"]["chosen"] != chosen or (run["job"] is None) != (chosen == 0):
        raise BenchError(reason=f"wanted {chosen} chosen, got {run}")
    return round(time.perf_counter() - began, 2)
