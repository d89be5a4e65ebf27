"""Reading a folder's photo: only a regular file below a root, whatever is put in its place, and never a wait."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.core.errors import PhotoError
from shared.core.settings import Settings
from shared.jobs.intake.sources import local_files
from shared.jobs.model import Item
from shared.photos.decode import Limits
from shared.photos.regular_files import open_regular
from shared.pipeline.photos import Photos
from shared.storage import open_storage


def code_of(path: Path, root: Path) -> str | None:
    """The error's code, None for a file that was read; fails where reading waits."""
    found: list[str | None] = []

    def read() -> None:
        try:
            open_regular(path, (root,)).close()
            found.append(None)
        except PhotoError as error:
            found.append(error.code)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(3)
    assert found, "reading waits"
    return found[0]


def test_a_pipe_in_a_photos_place(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("/dev/zero")
    assert code_of(tmp_path / "a.jpg", tmp_path) == "not_an_image"
    assert code_of(tmp_path / "b.jpg", tmp_path) == "outside_roots"
    with pytest.raises(PhotoError):
        open_regular(tmp_path / "b.jpg")


def swapped_after_the_check(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], None]) -> None:
    """Lets `swap` happen between the checks of a path and its opening."""
    real_open = os.open

    def late(path: str, flags: int, *rest: int) -> int:
        swap()
        return real_open(path, flags, *rest)

    monkeypatch.setattr(os, "open", late)


def test_what_is_swapped_in_between_check_and_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "in", outside):
        folder.mkdir(parents=True)
        (folder / "a.jpg").write_bytes(b"x")

    def folder_becomes_a_link() -> None:
        if not (root / "in").is_symlink():
            (root / "in").rename(root / "gone")
            (root / "in").symlink_to(outside)

    swapped_after_the_check(monkeypatch, folder_becomes_a_link)
    assert code_of(root / "in" / "a.jpg", root) == "outside_roots"
    monkeypatch.undo()

    (root / "b.jpg").write_bytes(b"x")

    def file_becomes_a_pipe() -> None:
        (root / "b.jpg").unlink()
        os.mkfifo(root / "b.jpg")

    swapped_after_the_check(monkeypatch, file_becomes_a_pipe)
    assert code_of(root / "b.jpg", root) == "not_an_image"


def test_a_default_root_that_is_a_link(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "a.jpg").write_bytes(b"photo")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "photos").symlink_to(disk)
    settings = Settings(data_dir=tmp_path / "data")
    photos = Photos(open_storage(settings), settings.roots, Limits.of(settings))
    for path in (disk / "a.jpg", tmp_path / "data" / "photos" / "a.jpg"):
        assert photos.read(Item(0, "a.jpg", path=str(path))) == b"photo"


def test_a_root_that_becomes_a_link_later(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    photos = Photos(open_storage(settings), settings.roots, Limits.of(settings))
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "a.jpg").write_bytes(b"photo")
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "photos").symlink_to(disk)
    assert photos.read(Item(0, "a.jpg", path=str(disk / "a.jpg"))) == b"photo"


def test_a_copied_folder_leaves_pipes_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"x")
    assert [file.path.name for file in local_files([tmp_path])] == ["b.jpg"]
