"""Opens photos of folders that others may write to: only regular files, and never waiting for one."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from shared.core.errors import PhotoError


def open_regular(
    path: str | os.PathLike[str], roots: Sequence[Path] | None = None, *, buffered: bool = True
) -> BinaryIO:
    """The file for reading; with `roots`, only where it really lies below one of them. Not `buffered`: for reading it
    whole, with fewer system calls.

    A pipe or device in a photo's place is refused: opening one may wait for ever or do something. The checks are made
    on what was opened, so that nothing can be swapped in between.

    Raises PhotoError (`not_an_image`, `outside_roots`), OSError.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise PhotoError("not_an_image")
        # O_NONBLOCK: a pipe that was put there since the check opens at once, and is refused below.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, PhotoError):
        # Of what lies outside, nothing is said.
        _require_below(os.path.realpath(path), roots)
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PhotoError("not_an_image")
        _require_below(_opened(descriptor, path), roots)
        return os.fdopen(descriptor, "rb", -1 if buffered else 0)
    except BaseException:
        os.close(descriptor)
        raise


def _opened(descriptor: int, path: str | os.PathLike[str]) -> str:
    """Where the open file lies, links followed. Asked of the kernel: following the path again costs a call for each of
    its folders, and a folder may have been swapped for a link meanwhile."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        # No /proc (macOS): the same file has to lie where the path leads.
        again = os.path.realpath(path)
        return again if os.path.samestat(os.stat(again), os.fstat(descriptor)) else os.sep


def _require_below(real: str, roots: Sequence[Path] | None) -> None:
    """`real` holds no link."""
    if roots is None or any(_lies_below(real, str(root)) for root in roots):
        return
    # Followed each time: a root may have become a link after this process started.
    if not any(_lies_below(real, os.path.realpath(root)) for root in roots):
        raise PhotoError("outside_roots")


def _lies_below(real: str, root: str) -> bool:
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)
