"""Folders of the server, as people who look for one are shown them: by name, cheaply, and never outside the roots."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.core.errors import InvalidRequest
from shared.jobs.intake import folder_listing
from shared.jobs.intake.folder_listing import listing
from shared.jobs.intake.folders import FolderNotAllowed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "nas"
    for folder in ("b", "A", ".hidden", "@eaDir"):
        (found / folder).mkdir(parents=True)
    for name in ("1.jpg", "2.PNG", "notes.txt", ".3.jpg"):
        (found / name).write_bytes(b"x")
    (tmp_path / "secret").mkdir()
    (found / "link").symlink_to(tmp_path / "secret")
    return found


def test_folders_and_the_number_of_photos(root: Path) -> None:
    found = listing(str(root), [root])
    assert [folder.name for folder in found.folders] == ["A", "b"]
    assert (found.photos, found.more, found.parent) == (2, False, None)
    inner = listing(str(root / "b"), [root])
    assert (inner.path, inner.parent, inner.folders) == (str(root / "b"), str(root), [])


def test_without_a_path_the_roots_are_told(root: Path, tmp_path: Path) -> None:
    found = listing(None, [root, tmp_path / "other"])
    assert [folder.path for folder in found.folders] == [str(root), str(tmp_path / "other")]


@pytest.mark.parametrize("path", ["..", "../secret", "link", "/etc", "", "b/../../secret", "\0"])
def test_nothing_outside_is_told(root: Path, path: str) -> None:
    wished = path if path.startswith("/") else f"{root}/{path}"
    if path == "":
        wished = "relative"
    with pytest.raises(FolderNotAllowed):
        listing(wished, [root])


def test_a_folder_that_is_not_there(root: Path) -> None:
    for path in ("nowhere", "1.jpg"):
        with pytest.raises(InvalidRequest):
            listing(str(root / path), [root])


def test_a_folder_of_many_entries_is_not_read_to_its_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_listing, "LOOKED_AT", 3)
    assert listing(str(root), [root]).more
    monkeypatch.setattr(folder_listing, "LOOKED_AT", 100)
    monkeypatch.setattr(folder_listing, "FOLDERS", 1)
    found = listing(str(root), [root])
    assert (len(found.folders), found.more) == (1, True)
