"""One bad photo fails one item; a hung one takes nothing with it; who drains hands back what it has not begun."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.core.errors import Unavailable
from shared.jobs.model import Item, ItemResult, Lane
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task
from shared.photos.decoder import ServerLost
from shared.pipeline.photos import Photos
from shared.storage.local import LocalStorage
from tests.pipeline_harness import Chunk, Colours, Hashing, ListSource, cut, make_pipeline, pictures, run, stored


def test_bad_photos_fail_alone_with_a_reason(tmp_path: Path) -> None:
    items = pictures(tmp_path, [(n, 100, 100) for n in range(20)])
    (tmp_path / "3.png").write_bytes(b"")
    (tmp_path / "5.png").write_bytes(b"no picture at all")
    (tmp_path / "7.png").write_bytes((tmp_path / "7.png").read_bytes()[:60])
    (tmp_path / "9.png").unlink()
    (tmp_path.parent / "outside.png").write_bytes((tmp_path / "1.png").read_bytes())
    (tmp_path / "11.png").unlink()
    (tmp_path / "11.png").symlink_to(tmp_path.parent / "outside.png")
    source = ListSource.of(*cut(items, 20))
    run(make_pipeline(tmp_path, Colours()), source)
    failed = {i: r.error_code for i, r in source.results.items() if not r.ok}
    assert failed == {3: "empty_file", 5: "not_an_image", 7: "truncated", 9: "missing_file", 11: "outside_roots"}
    assert len(source.results) == 20
    assert len(source.finals) == 1


def test_a_missing_blob_fails_its_item(tmp_path: Path) -> None:
    (tmp_path / "blobs" / "ab").mkdir(parents=True)
    source = ListSource.of(Chunk(tuple(stored(["a", "b"]))))
    run(make_pipeline(tmp_path, Colours()), source)
    assert {r.error_code for r in source.results.values()} == {"missing_file"}


def test_a_full_disk_costs_the_thumbnail_not_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalStorage, "put_thumb", full)
    source = ListSource.of(*cut(pictures(tmp_path, [(n, 100, 100) for n in range(4)]), 4))
    run(make_pipeline(tmp_path, Colours()), source)
    assert all(r.ok for r in source.results.values())


def test_a_hung_photo_times_out_and_takes_nothing_with_it(tmp_path: Path) -> None:
    # The red one blocks its decode thread, and with one thread everything behind it.
    colours = [(n, 100, 100) for n in range(12)]
    colours[4] = (255, 0, 0)
    chunk = Chunk(tuple(pictures(tmp_path, colours)))
    source = ListSource.of(chunk, Chunk(tuple(pictures(tmp_path, [(9, 9, 9)] * 3, first=50))))
    encoder = Colours(micro_batch=4)
    pipeline = make_pipeline(tmp_path, encoder, photo_timeout=0.3, threads=1)
    run(pipeline, source)
    encoder.go_on.set()
    assert pipeline.needs_restart
    assert {i: r.error_code for i, r in source.results.items() if not r.ok} == {4: "timeout"}
    # What only stood behind it is handed back, not failed.
    unanswered = {i.index for i in chunk.items} - set(source.results)
    assert unanswered
    assert chunk in source.released
    assert not set(source.finals) & set(source.released)


def test_where_no_decoder_can_be_started_no_photo_fails(tmp_path: Path) -> None:
    (tmp_path / "gone_module.py").write_text("def values(photo):\n    return {}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        values = importlib.import_module("gone_module").values
    (tmp_path / "gone_module.py").unlink()
    # The server cannot import what its task needs, and ends.
    task = Task(32, Limits(), (), values, Confinement(1 << 30, 10.0))
    pool = DecodePool(2, task, budget=1 << 30, wall_seconds=60)
    pipeline = make_pipeline(tmp_path, Colours(), pool=pool)
    chunk = Chunk(tuple(grey(tmp_path, 4)))
    source = ListSource.of(chunk)
    try:
        with pytest.raises(ServerLost):
            pool.confinement()
        run(pipeline, source)
    finally:
        pool.close()
    assert pipeline.needs_restart
    assert source.results == {}
    assert chunk in source.released


class DeadShare:
    """Files whose reading does not return while the share is dead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *indexes: int) -> None:
        self.back = threading.Event()
        real = Photos.read

        def read(photos: Photos, item: Item) -> bytes:
            if item.index in indexes:
                self.back.wait(60)
            return real(photos, item)

        monkeypatch.setattr(Photos, "read", read)


def grey(folder: Path, count: int) -> list[Item]:
    return pictures(folder, [(n, 100, 100) for n in range(count)])


def test_a_read_that_hangs_costs_the_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads, three reads that hang: all else is read, and the three are handed back, not failed."""
    share = DeadShare(monkeypatch, 1, 3, 5)
    chunk = Chunk(tuple(grey(tmp_path, 40)))
    source = ListSource.of(chunk)
    pipeline = make_pipeline(tmp_path, Colours(), photo_timeout=0.3, threads=2)
    run(pipeline, source)
    assert not pipeline.needs_restart
    assert not pipeline.reads_hang
    assert set(source.results) == set(range(40)) - {1, 3, 5}
    assert all(r.ok for r in source.results.values())
    assert source.released == [chunk]
    # Back again: they are read, by a pipeline that is as it was.
    share.back.set()
    again = ListSource.of(Chunk(tuple(i for i in chunk.items if i.index in (1, 3, 5))))
    run(pipeline, again)
    assert {i: r.ok for i, r in again.results.items()} == {1: True, 3: True, 5: True}


def test_a_file_that_hangs_twice_on_a_share_that_answers_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = DeadShare(monkeypatch, 1)
    items = grey(tmp_path, 3)
    pipeline = make_pipeline(tmp_path, Colours(), photo_timeout=0.3, threads=2)
    run(pipeline, ListSource.of(Chunk(tuple(items))))
    source = ListSource.of(Chunk((items[1],)))
    run(pipeline, source)
    share.back.set()
    assert source.results[1].error_code == "timeout"


def test_a_dead_share_is_not_waited_for_photo_by_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = DeadShare(monkeypatch, *range(64))

    class Unreachable(ListSource):
        def reachable(self, chunk: Chunk) -> bool:
            return False

    chunk = Chunk(tuple(grey(tmp_path, 64)))
    source = Unreachable.of(chunk)
    pipeline = make_pipeline(tmp_path, Colours(), photo_timeout=0.5, threads=2)
    started = time.monotonic()
    run(pipeline, source)
    share.back.set()
    assert time.monotonic() - started < 5
    assert source.results == {}
    assert source.released == [chunk]


def test_with_eight_hung_reads_the_process_is_to_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = DeadShare(monkeypatch, *range(20))
    source = ListSource.of(*cut(grey(tmp_path, 40), 10))
    pipeline = make_pipeline(tmp_path, Colours(), photo_timeout=0.2, threads=4)
    run(pipeline, source)
    assert pipeline.reads_hang
    assert source.results == {}
    assert source.released
    # The threads come back one day, and then all is well.
    share.back.set()
    deadline = time.monotonic() + 10
    while pipeline.reads_hang and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not pipeline.reads_hang


def test_who_drains_ends_what_is_in_hand_and_hands_back_the_rest(tmp_path: Path) -> None:
    source = ListSource.of(*cut(stored([f"p{n}" for n in range(640)]), 64))

    class Draining(Hashing):
        def encode_hashes(self, sha256s):  # type: ignore[no-untyped-def]
            if len(self.batches) == 3:
                source.drain = True
            return super().encode_hashes(sha256s)

    encoder = Draining(micro_batch=8)
    run(make_pipeline(tmp_path, encoder), source)
    assert source.released
    assert len(source.results) < 100
    assert set(source.finals) & set(source.released) == set()
    handed = {i.index for chunk in source.released for i in chunk.items}
    left = {i.index for chunk in source.chunks[Lane.BULK] for i in chunk.items}
    assert set(source.results) | handed | left == set(range(640))


def test_photos_in_hand_are_noted_before_they_are_touched(tmp_path: Path) -> None:
    chunk = Chunk(tuple(stored([f"p{n}" for n in range(40)])))
    source = ListSource.of(chunk)
    run(make_pipeline(tmp_path, Hashing()), source)
    assert source.held[chunk] == set(range(40))


def test_a_chunk_that_must_be_alone_shares_the_worker_with_none_that_is_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, then = cut(stored([f"p{n}" for n in range(16)]), 8)
    suspects = [Chunk(tuple(stored([f"s{n}"], first=20 + n)), alone=True) for n in range(3)]
    source = ListSource.of(first, *suspects, then)
    begun: list[tuple[Chunk, list[Chunk]]] = []
    hold, commit = source.hold, source.commit

    def slow_commit(chunk: Chunk, results: Sequence[ItemResult], vectors: bytes, final: bool) -> None:
        time.sleep(0.05)
        commit(chunk, results, vectors, final)

    def noted(chunk: Chunk, indexes: Sequence[int]) -> None:
        begun.append((chunk, list(source.finals)))
        hold(chunk, indexes)

    monkeypatch.setattr(source, "commit", slow_commit)
    monkeypatch.setattr(source, "hold", noted)
    run(make_pipeline(tmp_path, Hashing()), source)
    # Whatever dies beside one of them would be charged to it.
    for place, (_, committed) in enumerate(begun):
        if place:
            assert committed == [chunk for chunk, _ in begun[:place]]
    assert [chunk for chunk, _ in begun] == [first, *suspects, then]


@pytest.mark.parametrize("where", ["take", "hold", "commit"])
def test_a_broken_source_ends_the_run_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    source = ListSource.of(*cut(stored([f"p{n}" for n in range(300)]), 64))
    real = getattr(source, where)
    calls: list[int] = []

    def breaks(*args: object) -> object:
        calls.append(1)
        if len(calls) > 2:
            raise Unavailable("redis_unavailable")
        return real(*args)

    monkeypatch.setattr(source, where, breaks)
    with pytest.raises(Unavailable):
        run(make_pipeline(tmp_path, Hashing()), source)
