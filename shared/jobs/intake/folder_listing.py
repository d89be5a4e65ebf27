"""What a folder of the server holds, for people who look for one; never outside the allowed roots."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.core.errors import InvalidRequest
from shared.core.names import path_name
from shared.jobs.intake.folders import FolderNotAllowed, is_below
from shared.photos import clutter

#: Entries of a folder that are looked at, and folders that are told.
LOOKED_AT, FOLDERS = 20_000, 500


@dataclass(frozen=True, slots=True)
class Folder:
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class FolderListing:
    #: None: the list of the allowed folders.
    path: str | None
    #: The folder above, where that is allowed, too.
    parent: str | None
    folders: list[Folder]
    #: Photos in the folder itself, not in those below it.
    photos: int
    #: There is more than was looked at.
    more: bool


def listing(wished: str | None, roots: Sequence[Path]) -> FolderListing:
    """What is in a folder, by name; without one, the allowed folders. Folders below are not opened: that may take long.

    Raises FolderNotAllowed for any path outside of `roots`, InvalidRequest (`folder_missing`).
    """
    if not wished:
        return FolderListing(None, None, [Folder(str(root), str(root)) for root in roots], 0, False)
    # Links are followed before it is asked where the folder lies.
    real = os.path.realpath(wished) if "\0" not in wished and os.path.isabs(wished) else ""
    if not real or not is_below(real, roots):
        raise FolderNotAllowed(path=path_name(wished))
    folders: list[Folder] = []
    photos = seen = 0
    try:
        with os.scandir(real) as entries:
            for entry in entries:
                seen += 1
                if seen > LOOKED_AT:
                    break
                if _is_folder(entry):
                    if clutter.left_out_kind(entry.name) != clutter.SYSTEM:
                        folders.append(Folder(entry.name, entry.path))
                elif clutter.left_out_kind(entry.name) is None:
                    photos += 1
    except OSError as error:
        raise InvalidRequest("folder_missing", path=path_name(wished)) from error
    folders.sort(key=lambda folder: folder.name.casefold())
    above = os.path.dirname(real)
    parent = above if above != real and is_below(above, roots) else None
    return FolderListing(real, parent, folders[:FOLDERS], photos, seen > LOOKED_AT or len(folders) > FOLDERS)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        # As jobs do: links to folders are not followed.
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
