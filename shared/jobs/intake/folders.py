"""Folders of the server that a job may read."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from shared.core.errors import InvalidRequest, WeftError
from shared.core.names import path_name

#: What a network share that is away answers; said of any folder below it.
SHARE_ERRORS = (errno.ENOTCONN, errno.ESTALE, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ENODEV)


class FolderNotAllowed(WeftError):
    """The path lies outside all allowed folders."""

    code = "folder_not_allowed"
    status = 403


def is_below(path: str | Path, roots: Sequence[Path]) -> bool:
    """Whether the path, symlinks followed, lies below one of the roots or is one."""
    real = os.path.realpath(path)
    return any(os.path.commonpath((real, root)) == root for root in map(os.path.realpath, roots))


def holds_something(folder: str | Path) -> bool:
    """Whether a folder can be read and has an entry; without one it is a mount point without its share."""
    try:
        with os.scandir(str(folder)) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder itself, and no link to one."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def real_folder(wished: str, roots: Sequence[Path]) -> str:
    """The real path of a folder below one of `roots`, symlinks followed first; it may be empty.

    Raises FolderNotAllowed (said of any path outside, so that nobody learns what exists there), InvalidRequest
    (`folder_missing`).
    """
    candidates = [(os.path.realpath(root / wished), root) for root in roots]
    allowed = [path for path, root in candidates if is_below(path, (root,))]
    if not allowed:
        raise FolderNotAllowed(path=path_name(wished))
    folder = next((path for path in allowed if os.path.isdir(path)), None)
    if folder is None:
        raise InvalidRequest("folder_missing", path=path_name(wished))
    return folder


def allowed_folder(wished: str, roots: Sequence[Path]) -> Path:
    """`real_folder` of one that holds something. Raises as it does, and InvalidRequest (`folder_empty`)."""
    if "\0" in wished:
        raise InvalidRequest("folder_missing", path=path_name(wished))
    folder = real_folder(wished, roots)
    try:
        with os.scandir(folder) as entries:
            empty = next(entries, None) is None
    except OSError as error:
        raise InvalidRequest("folder_missing", path=path_name(wished)) from error
    if empty:
        raise InvalidRequest("folder_empty", path=path_name(wished))
    return Path(folder)
