"""How fast a bank ranks, and how well large indexes find: `python -m scripts.lab.bench.bank [--quick] [--vectors N]`.

The vectors are generated: clusters that overlap in a space of fewer dimensions than the vectors have, as embeddings do,
so that a query's neighbours lie in several cells of an index. `in_nearest_cell` says how many lie in the first one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from shared.bank.bank import Bank
from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.curation.writer import Draft, seal
from shared.encoder.info import EncoderInfo
from shared.ranking.fitting.linear import fit_linear
from shared.ranking.index import make_index
from shared.ranking.index.exact import ExactIndex
from shared.ranking.methods import LINEAR, Method
from shared.ranking.model import PRESETS
from shared.ranking.ranker import Ranker

#: The bank whose ranking is timed: what the legacy documents speak of.
CLASSES, SAMPLES, DIMENSIONS, MICRO_BATCH = 64, 8, 1536, 32
#: Methods that leave-one-out may choose; each costs something else.
METHODS = (
    Method("samples", k=1, centroid=0.5),
    Method("ridge", shrink=0.1, centroid=0.25),
    Method("ridge", shrink=0.1, near=0.5, beta=10.0),
)
#: Dimensions that the generated vectors really vary in.
_INNER = 48
_BLOCK = 20_000


def generated(count: int, dim: int, path: Path, seed: int = 1) -> npt.NDArray[np.float16]:
    """[count, dim] float16 unit vectors in a mapped file: overlapping clusters of about 50."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(_INNER, dim)).astype(np.float32)
    scale = (1 / np.sqrt(1 + np.arange(_INNER) / 8)).astype(np.float32)
    centres = rng.normal(size=(max(1, count // 50), _INNER)).astype(np.float32)
    rows = np.lib.format.open_memmap(path, "w+", np.float16, (count, dim))
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        inner = centres[rng.integers(0, len(centres), size)] + 0.7 * rng.normal(size=(size, _INNER)).astype(np.float32)
        block = (inner * scale) @ basis + rng.normal(size=(size, dim)).astype(np.float32)
        rows[start : start + size] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return rows


def index_figures(count: int, dim: int, kinds: tuple[str, ...], queries: int = 200) -> dict[str, Any]:
    """Recall@10 against every vector compared, milliseconds a query (one at a time, one thread), memory."""
    with tempfile.TemporaryDirectory(prefix="weft-index-") as folder:
        everything = generated(count + queries, dim, Path(folder) / "vectors.npy")
        vectors, asked = everything[:count], np.asarray(everything[count:], np.float32)
        _, right = ExactIndex(vectors).search(asked, 10)
        report: dict[str, Any] = {"vectors": count, "dimensions": dim, "queries": queries}
        for kind in kinds:
            began = time.perf_counter()
            index = make_index(vectors, kind)
            built = time.perf_counter() - began
            faiss.omp_set_num_threads(1)
            try:
                with threadpool_limits(1):
                    index.search(asked[:8], 10)
                    times, cpu, found = [], [], []
                    for query in asked:
                        began, used = time.perf_counter(), time.process_time()
                        found.append(index.search(query[None], 10)[1][0])
                        times.append(time.perf_counter() - began)
                        cpu.append(time.process_time() - used)
            finally:
                faiss.omp_set_num_threads(faiss.omp_get_max_threads())
            hits = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(found, right, strict=True)]
            report[kind] = {
                "recall_at_10": round(float(np.mean(hits)) / 10, 4),
                "ms_a_query": round(float(np.median(times)) * 1e3, 3),
                "cpu_ms_a_query": round(float(np.median(cpu)) * 1e3, 3),
                "ms_p95": round(float(np.percentile(times, 95)) * 1e3, 3),
                "build_seconds": round(built, 1),
                "bytes": index.bytes,
                "of_float32": round(index.bytes / (count * dim * 4), 4),
                "of_float16": round(index.bytes / (count * dim * 2), 4),
                "in_nearest_cell": _in_nearest_cell(index, vectors, asked, right),
            }
        return report


def _in_nearest_cell(
    index: Any, vectors: npt.NDArray[Any], asked: npt.NDArray[np.float32], right: npt.NDArray[np.int64]
) -> float | None:
    """Share of the true neighbours that lie in the cell nearest to their query."""
    if index.kind not in ("ivf", "pq"):
        return None
    quantizer = index.cells
    _, cell_of_query = quantizer.search(asked, 1)
    _, cells = quantizer.search(np.asarray(vectors[right.ravel()], np.float32), 1)
    return round(float(np.mean(cells.reshape(right.shape) == cell_of_query)), 4)


def ranking_figures(photos: int = 640, rounds: int = 9) -> dict[str, Any]:
    """Milliseconds a photo to rank micro-batches of 32 on one thread, by method."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(CLASSES, 1, DIMENSIONS)) + 1.2 * rng.normal(size=(CLASSES, SAMPLES, DIMENSIONS))
    rows = (rows / np.linalg.norm(rows, axis=2, keepdims=True)).reshape(-1, DIMENSIONS)
    owner = np.repeat(np.arange(CLASSES), SAMPLES)
    asked = rows[rng.integers(0, len(rows), photos)] + 0.02 * rng.normal(size=(photos, DIMENSIONS))
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    report: dict[str, Any] = {"classes": CLASSES, "vectors": len(rows), "dimensions": DIMENSIONS}
    with tempfile.TemporaryDirectory(prefix="weft-bank-") as folder, threadpool_limits(1):
        bank = _bank(Path(folder), rows, owner)
        for method in METHODS:
            ranking = {**bank.manifest["ranking"], "method": method.document()}
            linear = fit_linear(method, rows, owner, CLASSES) if method.name in LINEAR else None
            ranker = Ranker(
                replace(bank, manifest={**bank.manifest, "ranking": ranking}, linear=linear), PRESETS["standard"]
            )

            def batches(ranker: Ranker = ranker) -> None:
                for start in range(0, photos, MICRO_BATCH):
                    ranker.rank(asked[start : start + MICRO_BATCH])

            name = method.name + (" + density" if method.near else "")
            wall, cpu = _best(batches, rounds)
            report[name] = {"ms_a_photo": round(wall / photos * 1e3, 4), "cpu_ms_a_photo": round(cpu / photos * 1e3, 4)}
    return report


def _bank(folder: Path, rows: npt.NDArray[Any], owner: npt.NDArray[np.int64]) -> Bank:
    """A sealed bank of these vectors; nothing is chosen, so that every method can be put in."""
    store = BankStore(Settings(data_dir=folder))
    labels = [f"class-{number:02d}" for number in range(CLASSES)]
    samples = [
        {"id": f"{number:016x}", "label": labels[label], "name": "", "sha256": "", "thumb": False}
        for number, label in enumerate(owner.tolist())
    ]
    draft = Draft(
        encoder=EncoderInfo("bench", "bench", "null", "null", DIMENSIONS, 224),
        classes=[Names().of(label) for label in labels],
        samples=samples,
        vectors=rows.astype(np.float16),
    )
    with store.new_folder() as target:
        version = seal(store, target, draft)
    return store.load(version)


def _best(action: Callable[[], None], rounds: int) -> tuple[float, float]:
    """Seconds and CPU seconds of the fastest rounds: what others take of the machine only adds."""
    action()
    times = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in times), min(cpu for _, cpu in times)


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 vectors instead of a million")
    parser.add_argument("--vectors", type=int)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--kinds", default="ivf,pq")
    parser.add_argument("--only", choices=["ranking", "index"])
    chosen = parser.parse_args()
    count = chosen.vectors or (100_000 if chosen.quick else 1_000_000)
    report: dict[str, Any] = {}
    if chosen.only != "index":
        report["ranking"] = ranking_figures()
    if chosen.only != "ranking":
        report["index"] = index_figures(count, chosen.dimensions, tuple(chosen.kinds.split(",")))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
