"""(j) What ranking takes of one thread: a small bank by method, large ones by their samples, all checked for exactness.

The large banks are generated, and opened as a worker opens a bank: from a mapped file.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
from threadpoolctl import threadpool_limits

from scripts.lab.bench.bench import Bench
from scripts.lab.bench.generated import generated
from scripts.lab.bench.results import Ranked, RankingCost
from shared.bank.bank import Bank
from shared.bank.ranking_fit import Method
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.encoder_info import EncoderInfo
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.curation.writer import Draft, seal
from shared.ranking.fitting.linear import fit_linear
from shared.ranking.methods import LINEAR
from shared.ranking.model import PRESETS
from shared.ranking.ranker import Ranker

Halves = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]

#: The bank that the legacy documents speak of: classes, samples of each, columns.
SMALL = (64, 8, 1536)
#: (classes, samples of each, columns) of the large ones.
LARGE = ((2000, 100, 512), (2000, 500, 512))
MICRO_BATCH = 16
#: Methods that leave-one-out may choose; each costs something else.
METHODS = (
    Method("samples", k=1, centroid=0.5),
    Method("ridge", shrink=0.1, centroid=0.25),
    Method("ridge", shrink=0.1, near=0.5, beta=10.0),
)
LARGE_METHODS = (Method("samples", k=3, centroid=0.5), Method("tip", beta=10.0))
#: Photos whose answers are compared with NumPy's over all samples of the kept classes.
_CHECKED = 32


def measure(bench: Bench) -> RankingCost:
    found: list[Ranked] = []
    with tempfile.TemporaryDirectory(dir=bench.work) as name, threadpool_limits(1):
        folder = Path(name)
        found += _small(folder, bench.pick(160, 640))
        for classes, each, dim in LARGE[:1] if bench.quick else LARGE:
            bench.say(f"bank: {classes} classes of {each}")
            with bench.preparing():
                bank, asked = large_bank(folder, classes, each, dim)
            found += [_ranked(bank, method, asked) for method in LARGE_METHODS]
            (folder / "vectors.npy").unlink()
    large = [one.cpu_ms_a_photo for one in found if one.vectors >= 100_000]
    return RankingCost(
        banks=found,
        ranking_small_ms=found[0].cpu_ms_a_photo,
        ranking_large_ms=max(large),
        ranking_exact=min(one.exact for one in found),
    )


def _small(folder: Path, photos: int) -> list[Ranked]:
    classes, each, dim = SMALL
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(classes, 1, dim)) + 1.2 * rng.normal(size=(classes, each, dim))
    rows = (rows / np.linalg.norm(rows, axis=2, keepdims=True)).reshape(-1, dim)
    owner = np.repeat(np.arange(classes), each)
    asked = rows[rng.integers(0, len(rows), photos)] + 0.02 * rng.normal(size=(photos, dim))
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    bank = sealed(folder, rows.astype(np.float16), owner, classes)
    found = []
    for method in METHODS:
        linear = fit_linear(method, rows, owner, classes) if method.name in LINEAR else None
        found.append(_ranked(replace(bank, linear=linear), method, asked))
    return found


def large_bank(folder: Path, classes: int, each: int, dim: int) -> tuple[Bank, Floats]:
    """A bank whose vectors are mapped, and fresh queries of its classes."""
    count, queries = classes * each, 16 * MICRO_BATCH
    path = folder / "vectors.npy"
    asked = generated(count, dim, path, each=each, queries=queries)
    vectors: Halves = np.load(path, mmap_mode="r")
    small = sealed(folder, np.asarray(vectors[:: each // 2][: 2 * classes]), np.repeat(np.arange(classes), 2), classes)
    means = np.stack([np.asarray(vectors[at : at + each], np.float32).mean(axis=0) for at in range(0, count, each)])
    bank = replace(
        small,
        vectors=np.load(path, mmap_mode="r"),
        starts=np.arange(classes + 1, dtype=np.int64) * each,
        centroids=means / np.linalg.norm(means, axis=1, keepdims=True),
        ids=np.array([b"%016x" % number for number in range(count)]),
    )
    return bank, asked


def sealed(folder: Path, rows: Halves, owner: npt.NDArray[np.int64], classes: int) -> Bank:
    """A bank of these vectors; nothing is chosen, so that every method can be put in."""
    store = BankStore(Settings(data_dir=folder))
    labels = [f"class-{number:05d}" for number in range(classes)]
    samples = [
        Sample(f"{number:016x}", labels[label], name="", sha256="") for number, label in enumerate(owner.tolist())
    ]
    draft = Draft(
        encoder=EncoderInfo("bench", "bench", "null", "null", rows.shape[1], 224),
        classes=[Names().of(label) for label in labels],
        samples=samples,
        vectors=rows,
    )
    with store.new_folder() as target:
        version = seal(store, target, draft)
    return store.load(version)


def _ranked(bank: Bank, method: Method, asked: Floats) -> Ranked:
    ranking = bank.manifest.ranking.model_copy(update={"method": method})
    manifest = bank.manifest.model_copy(update={"ranking": ranking})
    ranker = Ranker(replace(bank, manifest=manifest), PRESETS["standard"])
    own, before, peak = psutil.Process(), psutil.Process().memory_info().rss, 0

    def batches() -> None:
        nonlocal peak
        for start in range(0, len(asked), MICRO_BATCH):
            ranker.rank(asked[start : start + MICRO_BATCH])
            peak = max(peak, own.memory_info().rss - before)

    wall, cpu = _best(batches, 3)
    return Ranked(
        classes=len(bank.labels),
        vectors=len(bank.vectors),
        dimensions=bank.dim,
        method=words(method),
        ms_a_photo=round(wall / len(asked) * 1e3, 4),
        cpu_ms_a_photo=round(cpu / len(asked) * 1e3, 4),
        resident_mb=round(peak / 2**20, 1),
        exact=exact(ranker, asked[:_CHECKED], bank.vectors),
    )


def words(method: Method) -> str:
    """A method in a table."""
    return method.name + (f", k={method.k}" if method.name == "samples" else ", density" if method.near else "")


def exact(ranker: Ranker, asked: Floats, vectors: Halves) -> float:
    """Share of candidates whose nearest sample is the one that NumPy finds among all samples of the class."""
    bank, right, total = ranker.bank, 0, 0
    number = {label: index for index, label in enumerate(bank.labels)}
    for query, answer in zip(asked.astype(np.float16).astype(np.float32), ranker.rank(asked), strict=True):
        for candidate in answer.candidates:
            first, last = bank.starts[number[candidate.label]], bank.starts[number[candidate.label] + 1]
            cosines = np.asarray(vectors[first:last], np.float32) @ query
            total += 1
            right += candidate.sample == bank.ids[first + int(cosines.argmax())].decode()
    return right / total


def _best(action: Callable[[], None], rounds: int) -> tuple[float, float]:
    """Seconds and CPU seconds of the fastest rounds: what others take of the machine only adds."""
    action()
    times = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in times), min(cpu for _, cpu in times)
