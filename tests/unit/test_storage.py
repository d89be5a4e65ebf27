"""Storage keeps bytes under their hash, locally and through fsspec, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.core.errors import NotFound
from shared.core.settings import Settings
from shared.storage import Storage, open_storage

DATA = b"photo"
SHA = hashlib.sha256(DATA).hexdigest()


def local(tmp_path: Path) -> Storage:
    return open_storage(Settings(data_dir=tmp_path / "data"))


def shared_folder(tmp_path: Path) -> Storage:
    return open_storage(Settings(data_dir=tmp_path / "data", storage_url=f"file://{tmp_path}/bucket"))


def memory(tmp_path: Path) -> Storage:
    return open_storage(Settings(data_dir=tmp_path / "data", storage_url=f"memory://bucket-{tmp_path.name}"))


every = pytest.mark.parametrize("make", [local, shared_folder, memory])


@every
def test_a_blob_comes_back(tmp_path: Path, make: Callable[[Path], Storage]) -> None:
    storage = make(tmp_path)
    assert not storage.has(SHA)
    with pytest.raises(NotFound):
        storage.read(SHA)
    for _ in range(2):
        storage.put(DATA, SHA)
    assert storage.has(SHA)
    assert storage.read(SHA) == DATA


@every
def test_a_spooled_file_is_taken_over(tmp_path: Path, make: Callable[[Path], Storage]) -> None:
    storage = make(tmp_path)
    for _ in range(2):
        spooled = storage.spool_dir() / "upload"
        spooled.write_bytes(DATA)
        storage.adopt(spooled, SHA)
        assert storage.read(SHA) == DATA
        assert not spooled.exists()


@every
def test_thumbnails(tmp_path: Path, make: Callable[[Path], Storage]) -> None:
    storage = make(tmp_path)
    assert storage.thumb(SHA) is None
    assert not storage.has_thumb(SHA)
    storage.put_thumb(SHA, b"small")
    assert storage.has_thumb(SHA)
    assert storage.thumb(SHA) == b"small"


def test_several_machines_share_a_bucket(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/bucket"
    one = open_storage(Settings(data_dir=tmp_path / "one", storage_url=url))
    two = open_storage(Settings(data_dir=tmp_path / "two", storage_url=url))
    one.put(DATA, SHA)
    assert two.read(SHA) == DATA
    version = tmp_path / "one" / "banks" / "v1"
    (version / "thumbs").mkdir(parents=True)
    (version / "thumbs" / "1.jpg").write_bytes(b"1")
    there = tmp_path / "two" / "banks" / "v1"
    assert not two.fetch("banks/v1", there)
    one.share(version, "banks/v1")
    assert two.fetch("banks/v1", there)
    assert [p.relative_to(there).as_posix() for p in there.rglob("*.*")] == ["thumbs/1.jpg"]


def test_a_blob_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = local(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(OSError, match="No space"):
        storage.put(DATA, SHA)
    assert not storage.has(SHA)
    monkeypatch.undo()
    storage.put(DATA, SHA)
    assert storage.read(SHA) == DATA
