"""Files that survive a crash: atomic replacement, flushing, digests."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.core.errors import Unavailable


@contextmanager
def disk_errors() -> Iterator[None]:
    """A full disk or an exceeded quota becomes `Unavailable("disk_full")`; whatever was in force stays in force."""
    try:
        yield
    except OSError as failure:
        # NumPy tells a write that was cut short ("3000 requested and 1984 written") without a number.
        if failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None):
            raise Unavailable("disk_full", retry_after=60) from failure
        raise


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Holds an exclusive lock (flock) on `path`, which is created if needed; waits for other processes.

    The kernel releases the lock when the holder dies.
    """
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Makes a file's content, or a folder's entries, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replaces `path` in one step: readers see the old bytes or the new ones, a crash leaves one of both."""
    with disk_errors():
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        fsync(path.parent)
