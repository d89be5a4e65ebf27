"""One bad photo fails one item; a hung one takes nothing with it; who drains hands back what it has not begun."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.core.errors import BankError, Unavailable
from shared.jobs.model import Item, ItemResult, Lane
from shared.pipeline.photos import Photos
from shared.storage.local import LocalStorage
from tests.pipeline_harness import Chunk, Colours, Hashing, ListSource, cut, make_pipeline, pictures, run, stored
from tests.pipeline_harness import rank as plain_rank


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
    source = ListSource.of(Chunk(tuple(stored(["a", "b"]))))
    run(make_pipeline(tmp_path, Colours()), source)
    assert {r.error_code for r in source.results.values()} == {"missing_file"}


def test_a_damaged_bank_fails_the_items_that_need_it(tmp_path: Path) -> None:
    def rank(vectors: object, bank: str, preset: str) -> object:
        if bank == "bad":
            raise BankError("bank_damaged", version=bank, reason="test")
        return plain_rank(vectors, bank, preset)  # type: ignore[arg-type]

    source = ListSource.of(Chunk(tuple(stored(["a", "b"])), bank="bad"), Chunk(tuple(stored(["c"], first=2))))
    run(make_pipeline(tmp_path, Hashing(), rank=rank), source)  # type: ignore[arg-type]
    assert {i: r.error_code for i, r in source.results.items()} == {0: "bank_damaged", 1: "bank_damaged", 2: None}


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


def test_a_file_that_does_not_answer_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Colours()
    real = Photos.read

    def read(self: Photos, item: Item) -> bytes:
        if item.index == 1:
            encoder.go_on.wait(60)
        return real(self, item)

    monkeypatch.setattr(Photos, "read", read)
    source = ListSource.of(Chunk(tuple(pictures(tmp_path, [(n, 100, 100) for n in range(6)]))))
    pipeline = make_pipeline(tmp_path, encoder, photo_timeout=0.3, threads=2)
    run(pipeline, source)
    encoder.go_on.set()
    assert pipeline.needs_restart
    assert source.results[1].error_code == "timeout"
    assert {i for i, r in source.results.items() if not r.ok} == {1}


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


def test_a_broken_ranking_ends_the_run(tmp_path: Path) -> None:
    def rank(*_: object) -> object:
        raise ZeroDivisionError

    source = ListSource.of(*cut(stored(["a", "b"]), 2))
    with pytest.raises(ZeroDivisionError):
        run(make_pipeline(tmp_path, Hashing(), rank=rank), source)  # type: ignore[arg-type]
