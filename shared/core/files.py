"""Files that survive a crash: atomic replacement, flushing, digests."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from shared.core.errors import Unavailable


@contextmanager
def disk_errors() -> Iterator[None]:
    """A full disk or an exceeded quota becomes `Unavailable("disk_full")`; whatever was valid stays so."""
    try:
        yield
    except OSError as failure:
        # NumPy tells a write that was cut short ("3000 requested and 1984 written") without a number; object stores
        # tell what is missing or forbidden without one, in classes of their own.
        cut_short = type(failure) is OSError and failure.errno is None
        if cut_short or failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
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


def is_locked(file: IO[Any]) -> bool:
    """Whether another process, or another open file, holds an exclusive flock."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def try_lock(file: IO[Any]) -> bool:
    """Takes the exclusive flock of an open file without waiting; False while another holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def link_or_copy(source: str, target: str) -> None:
    """A file that never changes, under another name: a hard link, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


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


@contextmanager
def replacing(path: Path, *, mode: int = 0o600, durable: bool = True) -> Iterator[Path]:
    """A new file in the same folder, to be written in the block; it becomes `path` in one step when the block ends.

    Readers see the old file or the complete new one, a crash leaves one of both, and an error leaves the old one.
    `durable=False`: not synced, because the caller syncs many at once.
    Raises Unavailable (`disk_full`).
    """
    with disk_errors():
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            if durable:
                fsync(temporary)
            temporary.chmod(mode)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        if durable:
            fsync(path.parent)


def write_atomic(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replaces `path` in one step. Raises as `replacing` does."""
    with replacing(path, mode=mode) as temporary:
        temporary.write_bytes(data)
