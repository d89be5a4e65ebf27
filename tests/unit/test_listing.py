"""Listing a folder: a fixed order, taken up anywhere, nothing but photos, no way out through links."""

from __future__ import annotations

import os
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from shared.core.names import path_name
from worker.dispatcher.listing import ShareGone, photos_below


def names(root: Path, after: str | None = None) -> list[str]:
    return [name for name, _ in photos_below(root, after)]


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def test_by_name_with_folders_in_their_place(tmp_path: Path) -> None:
    tree(tmp_path, "b.jpg", "a/2.jpg", "a/1.PNG", "c/d/e.webp", "a.jpg", "真丝/1.jpg")
    assert names(tmp_path) == ["a/1.PNG", "a/2.jpg", "a.jpg", "b.jpg", "c/d/e.webp", "真丝/1.jpg"]


def test_goes_on_behind_any_photo(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.jpg", "a/2.jpg", "a.jpg", "a!/1.jpg", "b/c/1.jpg", "b/c/2.jpg", "b/c.jpg", "z.jpg")
    everything = names(tmp_path)
    assert len(everything) == 8
    for n, name in enumerate(everything):
        assert names(tmp_path, name) == everything[n + 1 :]


def test_goes_on_where_the_last_photo_is_gone(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.jpg", "a/3.jpg", "b.jpg")
    assert names(tmp_path, "a/2.jpg") == ["a/3.jpg", "b.jpg"]
    assert names(tmp_path, "a0/9.jpg") == ["b.jpg"]


def test_what_is_no_photo_is_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "notes.txt", ".hidden.jpg", ".git/1.jpg", "._a.jpg", "Thumbs.db")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(tmp_path)
        try:
            sock.bind("socket.jpg")
        finally:
            os.chdir(here)
        assert names(tmp_path) == ["a.jpg"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    tree(tmp_path, "in/1.jpg")
    (tmp_path / "in" / "circle").symlink_to(tmp_path)
    (tmp_path / "in" / "2.jpg").symlink_to(tmp_path / "in" / "1.jpg")
    (tmp_path / "in" / "3.jpg").symlink_to(tmp_path / "nowhere")
    assert names(tmp_path) == ["in/1.jpg", "in/2.jpg", "in/3.jpg"]


def test_a_folder_that_cannot_be_read_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a/1.jpg", "b/1.jpg", "c/1.jpg")
    real = os.scandir

    def guarded(path: str) -> object:
        if path.endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    # Root, which runs the tests in CI, may read everything.
    monkeypatch.setattr(os, "scandir", guarded)
    assert names(tmp_path) == ["a/1.jpg", "c/1.jpg"]


def test_names_that_are_no_utf8_are_shown_as_gbk(tmp_path: Path) -> None:
    raw = "真丝.jpg".encode("gbk")
    (tmp_path / os.fsdecode(raw)).write_bytes(b"x")
    (name,) = names(tmp_path)
    assert os.fsencode(name) == raw
    assert path_name(name) == "真丝.jpg"
    assert path_name("棉.jpg") == "棉.jpg"


def test_folders_nested_deeper_than_pythons_stack(tmp_path: Path) -> None:
    """Also taken up again at the bottom."""
    depth, here = 1200, os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        Path("1.jpg").write_bytes(b"x")
        Path("2.jpg").write_bytes(b"x")
    finally:
        os.chdir(here)
    below = "d/" * depth
    try:
        assert names(tmp_path) == [f"{below}1.jpg", f"{below}2.jpg"]
        assert names(tmp_path, f"{below}1.jpg") == [f"{below}2.jpg"]
    finally:
        # pytest clears its folders by recursion.
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)


def test_clutter_is_counted_and_the_rest_by_kind(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "a.xmp", "b/c.XMP", "b/clip.mp4", "b/list", "b/a.jpg")
    tree(
        tmp_path, "@eaDir/a.jpg/S.jpg", "#recycle/x.jpg", "b/$RECYCLE.BIN/y.jpg", "README.txt", "b/Thumbs.db", "._a.jpg"
    )
    os.mkfifo(tmp_path / "pipe.jpg")
    left_out: Counter[str] = Counter()
    assert [name for name, _ in photos_below(tmp_path, None, left_out)] == ["a.jpg", "b/a.jpg"]
    assert left_out == {".xmp": 2, ".mp4": 1, "no_ending": 1, "system": 7}
    # Taken up behind a photo, what was counted before it is not counted again.
    rest: Counter[str] = Counter()
    assert [name for name, _ in photos_below(tmp_path, "b/a.jpg", rest)] == []
    assert rest == {".xmp": 1, ".mp4": 1, "no_ending": 1, "system": 1}


def test_a_share_that_goes_away_is_no_end(tmp_path: Path) -> None:
    root = tree(tmp_path / "nas", "a/1.jpg", "b/1.jpg")
    for gone in (lambda: root.rename(tmp_path / "away"), lambda: (tmp_path / "away").rename(root)):
        found = photos_below(root)
        if root.exists():
            assert next(found)[0] == "a/1.jpg"
            gone()
            with pytest.raises(ShareGone):
                next(found)
        else:
            with pytest.raises(ShareGone):
                next(found)
            gone()
            assert names(root) == ["a/1.jpg", "b/1.jpg"]


def test_a_mount_point_without_its_share_is_no_end(tmp_path: Path) -> None:
    root = tree(tmp_path / "nas", "a/1.jpg", "b/1.jpg")
    found = photos_below(root)
    assert next(found)[0] == "a/1.jpg"
    root.rename(tmp_path / "away")
    root.mkdir()
    with pytest.raises(ShareGone):
        next(found)
