"""Errors by which a machine says that it is short of something: no photo is at fault, and waiting may help."""

from __future__ import annotations

import errno

SHORTAGES = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN)


def is_short(error: BaseException) -> bool:
    """Whether the machine is short of memory, disk space or open files."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in SHORTAGES)
