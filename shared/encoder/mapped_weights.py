"""Gives back the memory of a mapped file, once what it held has been copied elsewhere."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

_MADV_DONTNEED = 4
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def release(path: Path) -> None:
    """Drops the resident pages of this process's mappings of a file; see madvise(2).

    Only for mappings that nobody writes to: their pages are read from the file again should anybody look at them.
    Linux only; elsewhere it does nothing.
    """
    if _LIBC is None:
        return
    name = str(path.resolve())
    with suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(maxsplit=5)
            if len(fields) == 6 and fields[5] == name and "w" not in fields[1]:
                start, end = (int(side, 16) for side in fields[0].split("-"))
                _LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)
