"""Every kind of index finds what an exhaustive search finds; the size chooses; it works without faiss."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.ranking.index import choose_kind, make_index, open_index, save_index


def vectors(count: int, dim: int = 64, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count // 20, 1, dim)) + rng.normal(size=(count // 20, 20, dim))
    rows = rows.reshape(-1, dim)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


BANK = vectors(6000)
QUERIES = np.asarray(BANK[::150], np.float32)


def truth(k: int) -> tuple[np.ndarray, np.ndarray]:
    cosines = QUERIES @ np.asarray(BANK, np.float32).T
    rows = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosines, rows, axis=1), rows


@pytest.mark.parametrize(("kind", "recall"), [("exact", 1.0), ("flat", 1.0), ("ivf", 0.9), ("pq", 0.9)])
def test_a_kind_finds_the_nearest_with_their_exact_cosines(kind: str, recall: float, tmp_path: Path) -> None:
    index = make_index(BANK, kind)
    cosines, rows = index.search(QUERIES, 10)
    expected, right = truth(10)
    hits = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows.tolist(), right.tolist(), strict=True)])
    assert hits >= recall
    assert (rows[:, 0] == right[:, 0]).all()
    for number, line in enumerate(rows):
        np.testing.assert_allclose(cosines[number], np.asarray(BANK[line], np.float32) @ QUERIES[number], atol=1e-5)
    assert (np.diff(cosines, axis=1) <= 0).all()
    if recall == 1:
        np.testing.assert_allclose(cosines, expected, atol=1e-5)
    kept = save_index(index, tmp_path / "samples.index")
    assert kept == (kind in ("ivf", "pq"))
    again, found = open_index(BANK, tmp_path / "samples.index", kind).search(QUERIES, 10)
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_array_equal(again, cosines)


@pytest.mark.parametrize("kind", ["exact", "flat", "ivf", "pq"])
def test_fewer_vectors_than_asked_for_end_in_minus_one(kind: str) -> None:
    few = BANK[:300]
    cosines, rows = make_index(few, kind).search(QUERIES[:2], 400)
    assert rows.shape == (2, 400)
    found = rows[0] >= 0
    assert len(set(rows[0][found].tolist())) == found.sum()
    assert not np.isfinite(cosines[0][~found]).any()


def test_equal_vectors_come_in_the_order_of_their_rows() -> None:
    same = np.repeat(BANK[:5], 8, axis=0)
    for kind in ("exact", "flat"):
        _, rows = make_index(same, kind).search(np.asarray(BANK[2:3], np.float32), 8)
        assert rows[0].tolist() == list(range(16, 24))


def test_codes_take_a_tenth_of_the_memory() -> None:
    assert make_index(BANK, "pq").bytes <= 0.1 * BANK.size * 4


def test_the_size_chooses_and_a_preset_overrides_it() -> None:
    assert [choose_kind(n) for n in (9_999, 10_000, 50_000, 50_001)] == ["exact", "flat", "flat", "pq"]
    assert choose_kind(100, "ivf") == "ivf"
    with pytest.raises(ValueError, match="no index"):
        choose_kind(100, "magic")


def test_without_faiss_numpy_searches_and_says_so_once() -> None:
    code = """
import sys; sys.modules["faiss"] = None
import numpy as np
from shared.ranking.index import make_index
rows = np.eye(8, dtype=np.float16)
for kind in ("flat", "ivf", "pq", "auto"):
    index = make_index(rows, kind)
    assert index.kind == "exact"
    assert index.search(rows[3:4], 1)[1].tolist() == [[3]]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout + done.stderr).count("no_faiss") == 1
