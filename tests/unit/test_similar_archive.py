"""The archive of embeddings: nearest photos among many, by job, after restarts, cuts and additions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from shared.similar.archive import Archive
from shared.similar.vectors import Vectors

DIM = 96


def photos(count: int, seed: int = 0) -> Vectors:
    """In the midst of clusters, and all in one part of the space, as embeddings of a CLIP are."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(40, DIM)) + 1.5
    rows = centres[rng.integers(0, 40, count)] + 0.6 * rng.normal(size=(count, DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Vectors(np.arange(count) * 2, rows.astype(np.float16))


def test_what_is_nearest_is_found(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a")
    jobs = {f"job{number}": photos(6_000, number) for number in range(3)}
    for name, vectors in jobs.items():
        half = len(vectors.items) // 2
        parts = [Vectors(vectors.items[at], vectors.rows[at]) for at in (slice(half), slice(half, None))]
        assert archive.add(name, parts) == 6_000
    hits = 0
    asked = photos(20, 50).rows.astype(np.float32)
    for query in asked:
        found, compared = Archive(tmp_path / "a").search(query, jobs, 10)
        assert compared == 18_000
        exact = sorted(
            (
                (cosine, name, item)
                for name, of in jobs.items()
                for cosine, item in zip(of.cosines(query).tolist(), of.items.tolist(), strict=True)
            ),
            reverse=True,
        )
        assert [cosine for cosine, *_ in found] == sorted((cosine for cosine, *_ in found), reverse=True)
        hits += len({match[1:] for match in found} & {match[1:] for match in exact[:10]})
    assert hits >= 0.95 * 200


def test_only_jobs_that_are_asked_for_count(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for name, seed in (("one", 1), ("two", 2)):
        archive.add(name, [photos(500, seed)])
    query = photos(500, 1).of(14)
    found, compared = archive.search(query, ["one"], 3)
    assert (found[0][1:], compared) == (("one", 14), 500)
    assert found[0][0] == pytest.approx(1, abs=2e-3)
    assert {job for _, job, _ in archive.search(query, ["two"], 50)[0]} == {"two"}
    assert archive.search(query, [], 3) == ([], 0)
    assert archive.search(query, ["three"], 3) == ([], 0)
    # Another model's query.
    assert archive.search(query[:32], ["one"], 3) == ([], 0)


def test_a_job_that_is_added_again_counts_once(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add("one", [photos(300, 1)])
    archive.add("one", [photos(400, 2)])
    assert archive.known() == {"one": 400}
    assert archive.photos == 700
    assert archive.search(photos(400, 2).of(0), ["one"], 500)[1] == 400
    archive.add("none", [])
    assert archive.known()["none"] == 0
    archive.clear()
    assert archive.known() == {}


def test_an_addition_that_was_cut_off_is_not_there(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add("one", [photos(300, 1)])

    def cut() -> object:
        yield photos(200, 2)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        archive.add("two", cut())  # type: ignore[arg-type]
    assert Archive(tmp_path).known() == {"one": 300}
    archive.add("three", [photos(250, 3)])
    found, compared = Archive(tmp_path).search(photos(250, 3).of(8), ["one", "three"], 1)
    assert (found[0][1:], compared) == (("three", 8), 550)
    (tmp_path / "state.json").write_bytes(b"{")
    assert Archive(tmp_path).search(photos(1).of(0), ["one"], 1) == ([], 0)


def test_additions_within_one_tick_of_the_clock_are_all_kept(tmp_path: Path) -> None:
    archive, reader = Archive(tmp_path), Archive(tmp_path)
    for number in range(6):
        archive.add(f"job{number}", [photos(20, number)])
        os.utime(tmp_path / "state.json", ns=(1, 1))
        assert len(reader.known()) == len(archive.known()) == number + 1
    assert archive.photos == 120
    for number in range(6):
        found, _ = reader.search(photos(20, number).of(4), [f"job{number}"], 1)
        assert found[0][0] == pytest.approx(1, abs=2e-3)
