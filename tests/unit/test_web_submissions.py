"""What a submission may name: folders below the roots, and files by names that are safe to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.core.errors import InvalidRequest, WeftError
from shared.core.names import MAX_NAME, display_name
from shared.jobs.intake.folders import FolderNotAllowed, allowed_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "june").mkdir(parents=True)
    (folder / "june" / "a.jpg").write_bytes(b"1")
    return folder


def code_of(wished: str, *roots: Path) -> str:
    with pytest.raises(WeftError) as raised:
        allowed_folder(wished, roots)
    return raised.value.code


def test_absolute_and_relative_paths(root: Path) -> None:
    assert allowed_folder(str(root / "june"), (root,)) == root / "june"
    assert allowed_folder("june", (root,)) == root / "june"
    assert allowed_folder(str(root), (root,)) == root


def test_a_second_root(root: Path, tmp_path: Path) -> None:
    assert allowed_folder("june", (tmp_path / "elsewhere", root)) == root / "june"


@pytest.mark.parametrize("wished", ["/etc", "..", "june/../..", "/"])
def test_outside(root: Path, wished: str) -> None:
    with pytest.raises(FolderNotAllowed) as raised:
        allowed_folder(wished, (root,))
    assert raised.value.status == 403


def test_a_folder_whose_name_only_starts_like_a_root(root: Path) -> None:
    beside = root.with_name("photos-private")
    beside.mkdir()
    assert code_of(str(beside), root) == "folder_not_allowed"


def test_a_symlink_out(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    assert code_of("link", root) == "folder_not_allowed"


def test_what_lies_outside_is_not_told(root: Path, tmp_path: Path) -> None:
    assert code_of(str(tmp_path / "nowhere"), root) == "folder_not_allowed"


def test_missing_empty_and_odd(root: Path) -> None:
    (root / "empty").mkdir()
    assert code_of("nowhere", root) == "folder_missing"
    assert code_of("june/a.jpg", root) == "folder_missing"
    assert code_of("a\0b", root) == "folder_missing"
    assert code_of("empty", root) == "folder_empty"


def test_an_error_of_the_request(root: Path) -> None:
    with pytest.raises(InvalidRequest):
        allowed_folder("nowhere", (root,))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/olute.jpg", "abs/olute.jpg"),
        (r"C:\Users\me\斜纹.jpg", "Users/me/斜纹.jpg"),
        ("a\x00\x1b[31m.jpg", "a[31m.jpg"),
        ("gpj.\u202etxt", "gpj.txt"),
        ("..", "photo"),
        ("", "photo"),
    ],
)
def test_names_to_show(raw: str, shown: str) -> None:
    assert display_name(raw) == shown


def test_long_names_keep_their_ending() -> None:
    assert display_name("x" * 1000 + ".jpg").endswith(".jpg")
    assert len(display_name("x" * 1000)) == MAX_NAME
