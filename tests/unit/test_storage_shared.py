"""Two machines with one object store: what one publishes, the other has."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.core.errors import NotFound
from shared.core.settings import Settings
from shared.storage import Storage, open_storage
from shared.storage.local import LocalStorage

SHA = "ab" * 32


@pytest.fixture(params=["local", "remote"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    url = f"file://{tmp_path}/bucket/weft" if request.param == "remote" else None
    return open_storage(Settings(data_dir=tmp_path / "data", storage_url=url))


def machine(tmp_path: Path, name: str) -> Storage:
    return open_storage(Settings(data_dir=tmp_path / name, storage_url=f"file://{tmp_path}/bucket/weft"))


def test_a_blob_is_read_back(storage: Storage) -> None:
    storage.put(b"fabric", SHA)
    storage.put(b"fabric", SHA)
    assert storage.has(SHA)
    assert storage.read(SHA) == b"fabric"


def test_a_missing_blob_is_not_found(storage: Storage) -> None:
    assert not storage.has(SHA)
    with pytest.raises(NotFound):
        storage.read(SHA)


def test_an_adopted_file_leaves_the_spool(storage: Storage) -> None:
    for _ in range(2):
        file = storage.spool_dir() / "upload"
        file.write_bytes(b"fabric")
        storage.adopt(file, SHA)
        assert not file.exists()
    assert storage.read(SHA) == b"fabric"


def test_a_thumbnail_is_read_back_or_missing(storage: Storage) -> None:
    assert storage.thumb(SHA) is None
    assert not storage.has_thumb(SHA)
    storage.put_thumb(SHA, b"jpeg")
    assert storage.thumb(SHA) == b"jpeg"
    assert storage.has_thumb(SHA)


def test_another_machine_reads_a_blob(tmp_path: Path) -> None:
    machine(tmp_path, "a").put(b"fabric", SHA)
    assert machine(tmp_path, "b").read(SHA) == b"fabric"


def test_a_shared_folder_arrives_whole(tmp_path: Path) -> None:
    made = tmp_path / "a" / "banks" / "v1"
    (made / "thumbs").mkdir(parents=True)
    (made / "manifest.json").write_text("{}")
    (made / "thumbs" / "1.jpg").write_bytes(b"jpeg")
    machine(tmp_path, "a").share(made, "banks/v1")
    target = tmp_path / "b" / "banks" / "v1"
    assert machine(tmp_path, "b").fetch("banks/v1", target)
    found = sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file())
    assert found == ["manifest.json", "thumbs/1.jpg"]


def test_a_folder_that_is_still_on_its_way_is_not_fetched(tmp_path: Path) -> None:
    machine(tmp_path, "a").put(b"fabric", SHA)  # makes the bucket
    half = tmp_path / "bucket" / "weft" / "banks" / "v1"
    half.mkdir(parents=True)
    (half / "manifest.json").write_text("{}")
    target = tmp_path / "b" / "banks" / "v1"
    assert not machine(tmp_path, "b").fetch("banks/v1", target)
    assert not target.exists()


def test_a_newer_file_replaces_the_older_one(tmp_path: Path) -> None:
    one, two = machine(tmp_path, "a"), machine(tmp_path, "b")
    mine, theirs = tmp_path / "a" / "banks" / "current", tmp_path / "b" / "banks" / "current"
    mine.parent.mkdir(parents=True)
    for content in ("v1", "v2"):
        mine.write_text(content)
        one.share(mine, "banks/current")
        assert two.fetch("banks/current", theirs)
        assert theirs.read_text() == content


def test_one_machine_alone_fetches_nothing(tmp_path: Path) -> None:
    assert not LocalStorage(tmp_path).fetch("banks/current", tmp_path / "banks" / "current")
