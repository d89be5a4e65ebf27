"""Whatever the batches, chunks, threads or the cache: a photo's answer is its own, given once."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from shared.encoder.cache import EmbeddingCache
from shared.jobs.model import Item, Lane
from tests.pipeline_harness import (
    DIM,
    Chunk,
    Colours,
    Hashing,
    ListSource,
    cut,
    info,
    make_pipeline,
    pictures,
    rank,
    run,
    stored,
)

NAMES = [f"photo {n}" for n in range(150)]


def label(item: Item) -> str:
    vector = Hashing().encode_hashes([item.sha256 or ""]).astype(np.float16).astype(np.float32)
    return rank(vector, "", "")[0].label or ""


@pytest.mark.parametrize(("micro_batch", "chunk"), [(1, 64), (8, 7), (64, 16), (16, 150)])
def test_every_photo_gets_its_own_answer_once(tmp_path: Path, micro_batch: int, chunk: int) -> None:
    items = stored(NAMES)
    source = ListSource.of(*cut(items, chunk))
    run(make_pipeline(tmp_path, Hashing(micro_batch)), source)
    assert {i: r.ranking.label for i, r in source.results.items() if r.ranking} == {i.index: label(i) for i in items}
    assert len(source.finals) == -(-150 // chunk)
    assert source.released == []
    assert all(len(v) == 2 * DIM for v in source.vectors.values())


def test_the_order_of_photos_does_not_matter(tmp_path: Path) -> None:
    items = stored(NAMES)
    shuffled = items[:]
    random.Random(1).shuffle(shuffled)
    answers = []
    for order in (items, shuffled):
        source = ListSource.of(*cut(order, 32))
        run(make_pipeline(tmp_path, Hashing()), source)
        answers.append((source.results, source.vectors))
    assert answers[0] == answers[1]


def test_a_hit_never_changes_an_answer(tmp_path: Path) -> None:
    cache = EmbeddingCache(None, info().cache_digest, DIM)
    pipeline = make_pipeline(tmp_path, Hashing(), cache)
    first, second = ListSource.of(*cut(stored(NAMES), 32)), ListSource.of(*cut(stored(NAMES), 32))
    run(pipeline, first)
    run(pipeline, second)
    assert not any(r.cached for r in first.results.values())
    assert all(r.cached for r in second.results.values())
    assert [r.ranking for r in first.results.values()] == [second.results[i].ranking for i in first.results]
    assert first.vectors == second.vectors


def test_identical_photos_are_encoded_once(tmp_path: Path) -> None:
    encoder = Hashing(micro_batch=4)
    same = [Item(i, f"{i}.jpg", sha256=stored(["same"])[0].sha256) for i in range(40)]
    source = ListSource.of(*cut(same, 40))
    run(make_pipeline(tmp_path, encoder), source)
    assert [s for batch in encoder.batches for s in batch] == [same[0].sha256]
    assert len({r.ranking for r in source.results.values()}) == 1
    assert sum(not r.cached for r in source.results.values()) == 1
    assert len(source.results) == 40


def test_pictures_are_read_decoded_and_answered_by_their_pixels(tmp_path: Path) -> None:
    colours = [(n, 255 - n, 90) for n in range(0, 200, 4)]
    source = ListSource.of(*cut(pictures(tmp_path, colours), 16))
    run(make_pipeline(tmp_path, Colours()), source)
    for n, (red, green, _) in enumerate(colours):
        vector = np.frombuffer(source.vectors[n], np.float16).astype(float)
        assert vector[0] / vector[2] == pytest.approx(red / 90, abs=0.02)
        assert vector[1] / vector[2] == pytest.approx(green / 90, abs=0.02)
        assert source.results[n].sha256


def test_waiting_photos_share_the_nights_batches(tmp_path: Path) -> None:
    encoder = Hashing(micro_batch=8, seconds=0.005)
    night = cut(stored(NAMES), 64)
    waiting = Chunk(tuple(stored(["one", "two"], first=1000)), Lane.INTERACTIVE)
    source = ListSource.of(*night)
    at: list[int] = []

    def arrive() -> None:
        # In the middle of the night's work somebody sends two photos.
        if len(source.commits) == 1:
            source.chunks[Lane.INTERACTIVE].append(waiting)
        if 1000 in source.results and not at:
            at.append(len(source.results))

    source.after_commit = arrive
    run(make_pipeline(tmp_path, encoder), source)
    assert len(source.results) == 152
    shared = [batch for batch in encoder.batches if {i.sha256 for i in waiting.items} & set(batch)]
    # One of the night's photos is with them: they do not wait for a full batch, and are not alone.
    assert all(1 < len(batch) <= 3 for batch in shared)
    assert at[0] < 152


def test_a_stream_of_waiting_photos_does_not_starve_the_night(tmp_path: Path) -> None:
    encoder = Hashing(micro_batch=8, seconds=0.001)
    rush = [Chunk(tuple(stored([f"rush {n}"], first=1000 + n)), Lane.INTERACTIVE) for n in range(400)]
    source = ListSource.of(*cut(stored(NAMES[:80]), 16), *rush)
    run(make_pipeline(tmp_path, encoder), source)
    assert len(source.results) == 480
    order = [i for commit in source.commits for i in commit]
    # Both were served side by side: the night was done before the rush was over.
    assert max(order.index(i) for i in range(80)) < len(order) - 20


@pytest.mark.parametrize("lane", list(Lane))
def test_a_worker_for_one_lane_alone(tmp_path: Path, lane: Lane) -> None:
    chunks = cut(stored(NAMES[:30]), 8, lane=Lane.BULK) + cut(stored(NAMES[:30], first=100), 8, lane=Lane.INTERACTIVE)
    source = ListSource.of(*chunks)
    run(make_pipeline(tmp_path, Hashing()), source, [lane])
    first = 0 if lane is Lane.BULK else 100
    assert sorted(source.results) == list(range(first, first + 30))


@pytest.mark.parametrize("lanes", [[Lane.BULK], list(Lane)])
def test_a_suspect_is_alone_in_hand(tmp_path: Path, lanes: list[Lane]) -> None:
    # Two photos wait for a full batch when the suspect's turn comes: they are not left waiting for it.
    encoder = Hashing(micro_batch=8)
    suspect = Chunk(tuple(stored(["suspect"], first=500)), alone=True)
    source = ListSource.of(Chunk(tuple(stored(NAMES[:2]))), suspect, Chunk(tuple(stored(NAMES[10:30], first=10))))
    run(make_pipeline(tmp_path, encoder), source, lanes)
    assert len(source.results) == 23
    assert [suspect.items[0].sha256] in encoder.batches


def test_a_chunk_with_nothing_left_is_ended(tmp_path: Path) -> None:
    empty = Chunk(())
    source = ListSource.of(empty)
    run(make_pipeline(tmp_path, Hashing()), source)
    assert source.finals == [empty]
