"""(l) Photos that look alike: those like one among many, and groups of them, on made-up vectors."""

from __future__ import annotations

import time

import numpy as np

from scripts.lab.bench.bench import Bench
from scripts.lab.bench.results import SimilarCost
from shared.similar.groups import dense_groups
from shared.similar.vectors import Floats, Ints, Vectors

#: Photos, columns, and photos of each cloth.
PHOTOS, COLUMNS, EACH = 100_000, 512, 50
QUICK_PHOTOS = 30_000
#: Spread of a cloth's photos around its centre, and the cosine above which they are grouped.
_SPREAD, _THRESHOLD = 0.6, 0.6
_QUERIES, _FOUND = 20, 48


def measure(bench: Bench) -> SimilarCost:
    count = bench.pick(QUICK_PHOTOS, PHOTOS)
    bench.say(f"{count:,} photos of {count // EACH:,} cloths")
    with bench.preparing():
        vectors, owner = _photos(count)
    began = time.process_time()
    exact = 0
    for item in range(0, count, count // _QUERIES):
        cosines = vectors.cosines(vectors.of(item))
        nearest = np.argpartition(-cosines, _FOUND - 1)[:_FOUND]
        exact += int((owner[nearest] == owner[item]).all())
    like = (time.process_time() - began) / _QUERIES * 1000
    began, clock = time.process_time(), time.monotonic()
    groups = dense_groups(vectors, _THRESHOLD)
    grouped = sum(len(group.items) for group in groups)
    pure = sum(int(np.bincount(owner[group.items]).max()) for group in groups)
    return SimilarCost(
        photos=count,
        like_cpu_ms=round(like, 1),
        like_right=exact / _QUERIES,
        groups_cpu_s=round(time.process_time() - began, 1),
        groups_s=round(time.monotonic() - clock, 1),
        grouped=grouped / count,
        groups_pure=pure / max(grouped, 1),
    )


def _photos(count: int) -> tuple[Vectors, Ints]:
    rng = np.random.default_rng(0)
    owner: Ints = rng.permutation(count) // EACH
    rows = rng.standard_normal((count // EACH + 1, COLUMNS), dtype=np.float32)[owner]
    rows += _SPREAD * rng.standard_normal((count, COLUMNS), dtype=np.float32)
    normed: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return Vectors(np.arange(count), normed.astype(np.float16)), owner
