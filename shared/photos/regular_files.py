"""Opens photos of folders that others may write to: only regular files, and never waiting for one."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from shared.core.errors import PhotoError


def open_regular(path: str | os.PathLike[str], roots: Sequence[Path] | None = None) -> BinaryIO:
    """The file for reading; with `roots`, only where it really lies below one of them.

    A pipe or device in a photo's place is refused: opening one may wait for ever or do something. The checks are made
    on what was opened, so that nothing can be swapped in between.

    Raises PhotoError (`not_an_image`, `outside_roots`), OSError.
    """
    real = os.path.realpath(path)
    _require_below(real, roots)
    if not stat.S_ISREG(os.stat(real).st_mode):
        raise PhotoError("not_an_image")
    # O_NONBLOCK: a pipe that was put there since the check opens at once, and is refused below.
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PhotoError("not_an_image")
        _require_below(_opened(descriptor, real), roots)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _opened(descriptor: int, real: str) -> str:
    """Where the open file lies: a folder above it may have been swapped for a link meanwhile."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        # No /proc (macOS): the same file has to lie at the path that was checked, links followed anew.
        again = os.path.realpath(real)
        return again if os.path.samestat(os.stat(again), os.fstat(descriptor)) else os.sep


def _require_below(real: str, roots: Sequence[Path] | None) -> None:
    if roots is None:
        return
    # Followed each time: a root may have become a link after this process started.
    followed = map(os.path.realpath, roots)
    if not any(os.path.commonpath([real, root]) == root for root in followed):
        raise PhotoError("outside_roots")
