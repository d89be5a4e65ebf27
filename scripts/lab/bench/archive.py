"""What the archive of similar photos takes and finds: `python -m scripts.lab.bench.archive [--photos N]`.

Generated vectors are added a part at a time, as from results; then queries that are not among them are asked, and their
ten nearest compared with NumPy's over all.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scripts.lab.bench.generated import generated
from shared.similar.archive import Archive
from shared.similar.vectors import Vectors

COLUMNS, QUERIES, NEAREST = 512, 100, 10
#: Photos of a job, and of a part of it.
_JOB, _PART = 100_000, 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.work, prefix="archive-") as name:
        folder = Path(name)
        queries = generated(asked.photos, COLUMNS, folder / "photos.npy", queries=QUERIES)
        queries = queries.astype(np.float16).astype(np.float32)
        rows: npt.NDArray[np.float16] = np.load(folder / "photos.npy", mmap_mode="r")
        archive, jobs = Archive(folder / "archive"), []
        began, spent = time.monotonic(), time.process_time()
        for start in range(0, len(rows), _JOB):
            end = min(start + _JOB, len(rows))
            jobs.append(f"job{start}")
            parts = (
                Vectors(np.arange(at, min(at + _PART, end)), np.asarray(rows[at : min(at + _PART, end)]))
                for at in range(start, end, _PART)
            )
            archive.add(jobs[-1], parts)
        wall, cpu = time.monotonic() - began, time.process_time() - spent
        archive.search(queries[0], jobs, NEAREST)
        times, found = [], []
        spent = time.process_time()
        for query in queries:
            began = time.monotonic()
            matches, _ = archive.search(query, jobs, NEAREST)
            times.append(time.monotonic() - began)
            found.append({item for _, _, item in matches})
        search_cpu = time.process_time() - spent
        nearest = exact(rows, queries)
        hits = sum(len(one & two) for one, two in zip(found, nearest, strict=True))
        size = sum(path.stat().st_size for path in (folder / "archive").iterdir())
        told = {
            "photos": len(rows),
            "ingest_per_s": round(len(rows) / wall),
            "ingest_cpu_us": round(1e6 * cpu / len(rows), 1),
            "recall_at_10": round(hits / (NEAREST * QUERIES), 4),
            "p50_ms": round(1000 * float(np.median(times)), 1),
            "p95_ms": round(1000 * float(np.quantile(times, 0.95)), 1),
            "search_cpu_ms": round(1000 * search_cpu / QUERIES, 1),
            "bytes_per_photo": round(size / len(rows)),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
    print(json.dumps(told))


def exact(rows: npt.NDArray[np.float16], queries: npt.NDArray[np.float32]) -> list[set[int]]:
    """The rows nearest to each query."""
    best: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(rows), _PART):
        best.append(np.asarray(rows[start : start + _PART], np.float32) @ queries.T)
    cosines = np.concatenate(best)
    return [set(np.argpartition(-line, NEAREST - 1)[:NEAREST].tolist()) for line in cosines.T]


if __name__ == "__main__":
    main()
