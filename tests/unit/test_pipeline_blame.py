"""A photo fails for its own fault only; whatever else goes wrong hands it back, says so, and charges nothing."""

from __future__ import annotations

import ast
import errno
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.core.errors import BankError, ModelError, NotFound, Unavailable, WeftError
from shared.core.messages import PHOTO_CODES, SENTENCES
from shared.jobs.model import OBSTACLES, Item
from shared.photos.decode import Limits
from shared.pipeline.chunk_work import ChunkWork
from shared.pipeline.photos import Photos
from shared.storage.local import LocalStorage
from tests.pipeline_harness import DIM, Chunk, Colours, Hashing, ListSource, cut, make_pipeline, pictures, run, stored
from tests.pipeline_harness import rank as plain_rank

ROOT = Path(__file__).resolve().parents[2]


def grey(folder: Path, count: int) -> list[Item]:
    return pictures(folder, [(n, 100, 100) for n in range(count)])


def nothing_failed(source: ListSource, *chunks: Chunk) -> set[str]:
    """No photo of these chunks has an outcome, all are handed back; the codes of what kept them."""
    assert not [r for r in source.results.values() if not r.ok]
    assert set(chunks) <= set(source.released)
    assert not set(chunks) & set(source.finals)
    return {source.obstacles[chunk] for chunk in chunks}


# the codes


def photo_errors() -> set[str]:
    """Every code with which a PhotoError is raised in what a worker runs."""
    found: set[str] = set()
    for part in ("photos", "encoder", "pipeline"):
        for path in (ROOT / "shared" / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PhotoError":
                    found |= {n.value for a in node.args for n in ast.walk(a) if isinstance(n, ast.Constant)}
    return found


def refusals() -> set[str]:
    """The codes with which kinds of files are refused."""
    tree = ast.parse((ROOT / "shared" / "photos" / "identify.py").read_text(encoding="utf-8"))
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and n.value in SENTENCES}


def test_every_error_of_a_photo_is_declared_as_its_fault() -> None:
    raised = photo_errors() | refusals()
    assert len(raised) > 15
    assert raised <= PHOTO_CODES, raised - PHOTO_CODES
    assert set(SENTENCES) >= PHOTO_CODES
    assert not PHOTO_CODES & set(OBSTACLES)


def test_an_item_fails_in_two_places_only() -> None:
    """The pipeline's, which takes no other code, and the dispatcher's for a photo that kills its worker alone."""
    places = []
    for part in ("shared", "worker"):
        for path in (ROOT / part).rglob("*.py"):
            if re.search(r"ItemResult\([^)]*error_code=", path.read_text(encoding="utf-8")):
                places.append(str(path.relative_to(ROOT)))
    assert sorted(places) == ["shared/jobs/ledger/dispatcher_ledger.py", "shared/pipeline/chunk_work.py"]


@pytest.mark.parametrize("code", ["storage_unavailable", "bank_damaged", "redis_unavailable", "no_such_code"])
def test_no_item_takes_a_code_that_is_not_the_photos_fault(code: str) -> None:
    with pytest.raises(ValueError, match=code):
        ChunkWork(None, left=1).fail(stored(["a"])[0], None, code, {})


def test_what_keeps_photos_waiting_has_a_sentence_with_a_next_step() -> None:
    for code in OBSTACLES:
        assert SENTENCES[code]
    for code in set(OBSTACLES) - {"bank_damaged", "bank_model_mismatch", "bank_empty", "model_unavailable"}:
        assert "none has failed" in SENTENCES[code], code


# ranking


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BankError("bank_damaged", version="bad", reason="test"), "bank_damaged"),
        (BankError("bank_missing", version="bad"), "bank_missing"),
        (Unavailable("unavailable"), "unavailable"),
        (ZeroDivisionError("in our code"), "ranking_failed"),
        (MemoryError(), "resources_exhausted"),
    ],
)
def test_a_bank_that_cannot_be_used_fails_no_photo(tmp_path: Path, error: Exception, code: str) -> None:
    broken = True

    def rank(vectors: NDArray[np.float32], bank: str, preset: str) -> object:
        if bank == "bad" and broken:
            raise error
        return plain_rank(vectors, bank, preset)

    bad, good = Chunk(tuple(stored(["a", "b"])), bank="bad"), Chunk(tuple(stored(["c"], first=2)))
    source = ListSource.of(bad, good)
    pipeline = make_pipeline(tmp_path, Hashing(), rank=rank)  # type: ignore[arg-type]
    run(pipeline, source)
    assert nothing_failed(source, bad) == {code}
    assert {i: r.ok for i, r in source.results.items()} == {2: True}
    # Again, from the cache: as often as it takes, until the bank is back.
    for _ in range(4):
        again = ListSource.of(bad)
        run(pipeline, again)
        nothing_failed(again, bad)
    broken = False
    last = ListSource.of(bad)
    run(pipeline, last)
    assert {i: r.ok for i, r in last.results.items()} == {0: True, 1: True}


def test_one_photo_that_the_ranking_cannot_stand_fails_alone(tmp_path: Path) -> None:
    items = stored([f"p{n}" for n in range(6)])
    wrong = Hashing().encode_hashes([items[3].sha256 or ""]).astype(np.float16).astype(np.float32)[0]

    def rank(vectors: NDArray[np.float32], bank: str, preset: str) -> object:
        if (vectors == wrong).all(axis=1).any():
            raise ZeroDivisionError
        return plain_rank(vectors, bank, preset)

    source = ListSource.of(Chunk(tuple(items)))
    run(make_pipeline(tmp_path, Hashing(), rank=rank), source)  # type: ignore[arg-type]
    assert {i: r.error_code for i, r in source.results.items()} == {n: "internal" if n == 3 else None for n in range(6)}


# the model


class Broken(Hashing):
    """An engine that fails for the photos of `refuses`."""

    def __init__(self, refuses: Callable[[str], bool], error: Exception) -> None:
        super().__init__(micro_batch=4)
        self.refuses = refuses
        self.error = error

    def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        if any(map(self.refuses, sha256s)):
            raise self.error
        return super().encode_hashes(sha256s)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("CUDA error: device-side assert"), "engine_failed"),
        (ModelError("model_unavailable", model="m", reason="test"), "model_unavailable"),
        (MemoryError(), "resources_exhausted"),
    ],
)
def test_a_model_that_does_not_run_fails_no_photo(tmp_path: Path, error: Exception, code: str) -> None:
    engine = Broken(lambda _: True, error)
    pipeline = make_pipeline(tmp_path, engine)
    chunks = cut(stored([f"p{n}" for n in range(24)]), 8)
    source = ListSource.of(*chunks)
    run(pipeline, source)
    assert {source.obstacles[chunk] for chunk in source.released} == {code}
    assert source.results == {}
    # A process that starts afresh may run it.
    assert pipeline.needs_restart
    engine.refuses = lambda _: False
    again = ListSource.of(*chunks)
    run(make_pipeline(tmp_path, engine), again)
    assert sum(r.ok for r in again.results.values()) == 24


def test_one_photo_that_the_model_cannot_stand_fails_alone(tmp_path: Path) -> None:
    items = stored([f"p{n}" for n in range(12)])
    engine = Broken(lambda sha: sha == items[5].sha256, RuntimeError("odd shape"))
    source = ListSource.of(Chunk(tuple(items)))
    run(make_pipeline(tmp_path, engine), source)
    assert {i: r.error_code for i, r in source.results.items()} == {
        n: "internal" if n == 5 else None for n in range(12)
    }


def test_a_single_photo_that_the_model_cannot_stand_fails_after_three_attempts(tmp_path: Path) -> None:
    single, others = stored(["bad"]), stored(["a", "b"], first=1)
    engine = Broken(lambda sha: sha == single[0].sha256, RuntimeError("odd shape"))
    pipeline = make_pipeline(tmp_path, engine)
    outcomes = []
    for _ in range(3):
        source = ListSource.of(Chunk(tuple(single)))
        run(pipeline, source)
        outcomes.append(source.results[0].error_code if source.results else None)
        run(pipeline, ListSource.of(Chunk(tuple(others[:1]))))
        others = stored([os.urandom(4).hex()], first=1)
    assert outcomes == [None, None, "internal"]


def test_an_engine_that_answers_for_too_few_photos_mixes_nothing_up(tmp_path: Path) -> None:
    class Short(Hashing):
        def encode_hashes(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
            return super().encode_hashes(sha256s)[:-1] if len(sha256s) > 1 else np.zeros((0, DIM), np.float32)

    chunk = Chunk(tuple(stored(["a", "b", "c"])))
    source = ListSource.of(chunk)
    run(make_pipeline(tmp_path, Short()), source)
    assert nothing_failed(source, chunk) == {"engine_failed"}


# reading and decoding


def test_storage_that_is_gone_fails_no_photo(tmp_path: Path) -> None:
    items = []
    storage = LocalStorage(tmp_path)
    for made in grey(tmp_path, 6):
        sha, data = Photos(storage, (tmp_path.resolve(),), Limits()).hashed(made)
        storage.put(data, sha)
        items.append(Item(made.index, made.name, sha256=sha))
    chunk = Chunk(tuple(items))
    (tmp_path / "blobs").rename(tmp_path / "away")
    pipeline = make_pipeline(tmp_path, Colours())
    source = ListSource.of(chunk)
    run(pipeline, source)
    assert nothing_failed(source, chunk) == {"storage_unavailable"}
    # A mount point without its share.
    (tmp_path / "blobs").mkdir()
    source = ListSource.of(chunk)
    run(pipeline, source)
    assert nothing_failed(source, chunk) == {"storage_unavailable"}
    (tmp_path / "blobs").rmdir()
    (tmp_path / "away").rename(tmp_path / "blobs")
    source = ListSource.of(chunk)
    run(pipeline, source)
    assert sum(r.ok for r in source.results.values()) == 6


class EndpointConnectionError(Exception):
    """As of an object store's own library: no OSError."""


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError("Could not connect to the endpoint URL"),
        OSError(errno.ENOTCONN, "Transport endpoint is not connected"),
        PermissionError(errno.EACCES, "Permission denied"),
        TimeoutError("timed out"),
    ],
)
def test_a_store_that_does_not_answer_fails_no_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def read(storage: LocalStorage, sha256: str) -> bytes:
        raise error

    monkeypatch.setattr(LocalStorage, "read", read)
    monkeypatch.setattr(LocalStorage, "has_thumb", read)
    chunk = Chunk(tuple(stored(["a", "b"])))
    source = ListSource.of(chunk)
    run(make_pipeline(tmp_path, Colours()), source)
    assert nothing_failed(source, chunk) == {"storage_unavailable"}


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.ENOSPC])
def test_a_machine_that_is_short_of_something_fails_no_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def short(*_: Any) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Photos, "_read_file", short)
    chunk = Chunk(tuple(grey(tmp_path, 4)))
    source = ListSource.of(chunk)
    run(make_pipeline(tmp_path, Colours()), source)
    assert nothing_failed(source, chunk) == {"resources_exhausted"}


@pytest.mark.parametrize("error", [AttributeError("ours"), NotFound(what="x"), WeftError("internal")])
def test_code_of_ours_that_cannot_decode_any_photo_fails_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def prepare(*_: Any) -> object:
        raise error

    monkeypatch.setattr(Photos, "prepare", prepare)
    chunk = Chunk(tuple(grey(tmp_path, 4)))
    source = ListSource.of(chunk)
    run(make_pipeline(tmp_path, Colours()), source)
    nothing_failed(source, chunk)
