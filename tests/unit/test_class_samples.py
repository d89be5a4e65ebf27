"""The samples of a few classes out of many: exactly what NumPy finds in each, read from a mapped file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from scripts.lab.bench.generated import generated
from shared.ranking import class_samples
from shared.ranking.class_samples import ClassSamples, largest
from shared.ranking.methods import affinity, best_mean

DIM = 48
#: Samples of the classes: one alone, fewer than are asked for, and more than are read at a time.
COUNTS = [1, 2, 7, 64, 700, 3]
STARTS = np.concatenate([[0], np.cumsum(COUNTS)]).astype(np.int64)


@pytest.fixture
def vectors(tmp_path: Path) -> np.ndarray:
    generated(int(STARTS[-1]), DIM, tmp_path / "vectors.npy", each=20)
    return np.load(tmp_path / "vectors.npy", mmap_mode="r")


@pytest.fixture
def queries() -> np.ndarray:
    rows = np.random.default_rng(3).normal(size=(20, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def kept(count: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.stack([rng.permutation(len(COUNTS))[:4] for _ in range(count)])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_best_are_those_of_all_samples_of_the_class(vectors: np.ndarray, queries: np.ndarray, k: int) -> None:
    found = ClassSamples(vectors, STARTS).best(queries, kept(20), k, beta=10.0)
    everything = np.asarray(vectors, np.float32)
    cosines = queries @ everything.T
    means, density = best_mean(cosines, STARTS, k), affinity(cosines, STARTS, 10.0)
    for query, classes in enumerate(kept(20).tolist()):
        for column, label in enumerate(classes):
            own = cosines[query, STARTS[label] : STARTS[label + 1]]
            count = min(k, len(own))
            rows = found.rows[query, column]
            assert rows[:count].tolist() == (STARTS[label] + np.argsort(-own, kind="stable")[:count]).tolist()
            assert (rows[count:] == -1).all()
            assert (found.cosines[query, column, count:] == -np.inf).all()
            assert np.allclose(found.cosines[query, column, :count].mean(), means[query, label], atol=1e-6)
    assert found.density is not None
    assert np.allclose(found.density, np.take_along_axis(density, kept(20), axis=1), atol=1e-5)


def test_a_pair_is_answered_alike_whatever_is_asked_beside_it(vectors: np.ndarray, queries: np.ndarray) -> None:
    samples = ClassSamples(vectors, STARTS)
    together = samples.best(queries, kept(20), 3, beta=10.0)
    for query, classes in enumerate(kept(20)):
        alone = samples.best(queries[query : query + 1], classes[None, ::-1], 3, beta=10.0)
        assert (alone.rows[0, ::-1] == together.rows[query]).all()
        assert (alone.cosines[0, ::-1] == together.cosines[query]).all()
        assert alone.density is not None
        assert together.density is not None
        assert (alone.density[0, ::-1] == together.density[query]).all()


def test_halves_are_widened_to_the_very_same_numbers() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)].reshape(-1, 8)
    wide = class_samples._Room(len(finite), 8).widened(finite)
    assert (wide.view(np.uint32) == finite.astype(np.float32).view(np.uint32)).all()


def test_of_equal_ones_the_first_count() -> None:
    line = np.array([0.5, 0.9, 0.5, 0.9, 0.5, 0.1], np.float32)
    assert largest(line, 1).tolist() == [1]
    assert largest(line, 3).tolist() == [1, 3, 0]
    assert largest(line, 9).tolist() == [1, 3, 0, 2, 4, 5]


def test_what_was_read_does_not_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_samples, "_RESIDENT_BYTES", 4 << 20)
    classes, each, dim = 400, 100, 512
    generated(classes * each, dim, tmp_path / "vectors.npy", each=each)
    samples = ClassSamples(
        np.load(tmp_path / "vectors.npy", mmap_mode="r"), np.arange(classes + 1, dtype=np.int64) * each
    )
    queries = np.eye(dim, dtype=np.float32)[:8]
    samples.best(queries, np.arange(8)[:, None], 1)
    before, peak = psutil.Process().memory_info().rss, 0
    for label in range(8, classes):
        samples.best(queries, np.full((8, 1), label), 1)
        peak = max(peak, psutil.Process().memory_info().rss)
    # All of it are 40 MB.
    assert peak - before < 20 << 20
