"""What the photos of all jobs on a bank server take, and what is found: `python -m scripts.lab.bench.photo_tables`.

Generated vectors are written as results files of jobs and filled from them, as the dispatcher does; then queries that
are not among them are asked, and their ten nearest compared with NumPy's over all. WEFT_INDEX_URL names the server; its
schema `weft_similar` is removed before and after.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scripts.lab.bench.archive import COLUMNS, NEAREST, QUERIES, exact
from scripts.lab.bench.generated import generated
from shared.bank.server.connection import BankServer
from shared.core.settings import Settings
from shared.jobs.projection import open_projection, projection_path
from shared.similar import photo_filling
from shared.similar.client import Source, Wanted
from shared.similar.photo_graph import make_graphs
from shared.similar.photo_tables import photo_server, search

#: Photos of a job; those that are added to a table that has its graph.
_JOB, _LATER = 100_000, 2_000
_CLASSES = 500
_SIZES = """
    SELECT sum(pg_total_relation_size(pg_class.oid)) FILTER (WHERE relkind = 'r'),
        sum(pg_relation_size(pg_class.oid)) FILTER (WHERE amname = 'hnsw')
    FROM pg_class LEFT JOIN pg_am ON pg_am.oid = relam WHERE relnamespace = 'weft_similar'::regnamespace
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.work, prefix="photo-tables-") as name:
        settings = Settings(data_dir=Path(name) / "data")
        server = photo_server(settings)
        if server is None:
            parser.error("WEFT_INDEX_URL names no bank server")
        queries = generated(asked.photos + _LATER, COLUMNS, Path(name) / "photos.npy", queries=QUERIES)
        queries = queries.astype(np.float16).astype(np.float32)
        rows: npt.NDArray[np.float16] = np.load(Path(name) / "photos.npy", mmap_mode="r")
        try:
            print(json.dumps(_measured(settings, server, rows, queries)))
        finally:
            photo_filling.clear(server)
            server.close()


def _measured(
    settings: Settings, server: BankServer, rows: npt.NDArray[np.float16], queries: npt.NDArray[np.float32]
) -> dict[str, float]:
    count = len(rows) - _LATER
    photo_filling.clear(server)
    sources = [_job(settings, start, rows[start : min(start + _JOB, count)]) for start in range(0, count, _JOB)]
    began = time.monotonic()
    while photo_filling.fill(server, settings, sources, 600):
        pass
    copied = time.monotonic() - began
    began = time.monotonic()
    assert make_graphs(server) == 1
    ordered = time.monotonic() - began
    # Before the exact answers, which are of these photos.
    told = _searched(server, queries, exact(rows[:count], queries))
    sources.append(_job(settings, count, rows[count:]))
    began = time.monotonic()
    while photo_filling.fill(server, settings, sources, 600):
        pass
    later = time.monotonic() - began
    total, graph = server.ask(lambda connection: connection.execute(_SIZES).fetchone()) or (0, 0)
    return {
        "photos": count,
        "copied_per_s": round(count / copied),
        "graph_s": round(ordered, 1),
        "added_to_graph_per_s": round(_LATER / later),
        **told,
        "bytes_per_photo": round(int(total) / len(rows)),
        "graph_bytes_per_photo": round(int(graph) / len(rows)),
    }


def _searched(server: BankServer, queries: npt.NDArray[np.float32], right: list[set[int]]) -> dict[str, float]:
    told: dict[str, float] = {}
    kinds = {"": Wanted(), "verdict_": Wanted(verdict="not_in_bank"), "class_": Wanted(labels=["class-7"])}
    for kind, wanted in kinds.items():
        for query in queries[:20]:
            search(server, "bench", query, wanted, NEAREST)
        times, hits = [], 0
        for query, best in zip(queries, right, strict=True):
            began = time.monotonic()
            found = search(server, "bench", query, wanted, NEAREST).found
            times.append(time.monotonic() - began)
            hits += len(best & {int(job[3:]) + item for _, job, item in found})
        if not kind:
            told["recall_at_10"] = round(hits / (NEAREST * len(queries)), 4)
        told[f"{kind}p50_ms"] = round(1000 * float(np.median(times)), 1)
        told[f"{kind}p95_ms"] = round(1000 * float(np.quantile(times, 0.95)), 1)
    return told


def _job(settings: Settings, start: int, rows: npt.NDArray[np.float16]) -> Source:
    """An ended job's results file, as far as it is read."""
    identifier = f"job{start}"
    verdicts = ("label", "label", "unsure", "not_in_bank")
    with closing(open_projection(settings, identifier)):
        pass
    with closing(sqlite3.connect(projection_path(settings, identifier))) as db, db:
        db.executemany(
            "INSERT INTO items (idx, name, generation, sha256, status, cached, verdict, label)"
            " VALUES (?, ?, 0, ?, 'ok', 0, ?, ?)",
            (
                (item, f"{start + item}.jpg", f"{start + item:064x}", verdicts[item % 4], f"class-{item % _CLASSES}")
                for item in range(len(rows))
            ),
        )
        db.executemany("INSERT INTO vectors VALUES (?, ?)", ((item, row.tobytes()) for item, row in enumerate(rows)))
    return Source(identifier, "bench", time.time(), True)


if __name__ == "__main__":
    main()
