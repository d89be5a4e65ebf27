"""The end of a log, for people who ask why something ended."""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: Bytes of a log that are looked at.
_TAIL_BYTES = 8192
#: Characters of one line that are shown.
_LINE_LENGTH = 300


def last_lines(log: Path, count: int = 5) -> str:
    """The last lines of a log; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-count:])


def last_line(log: Path | None) -> str:
    """The last line, cut to a length that can be shown; “?” where there is none."""
    return (last_lines(log, 1).strip()[:_LINE_LENGTH] if log else "") or "?"


def own_log() -> Path | None:
    """The file that this process' error output goes to; None for a terminal or pipe, and where that cannot be told."""
    try:
        if stat.S_ISREG(os.fstat(2).st_mode):
            return Path(os.readlink("/proc/self/fd/2"))
    except OSError:
        pass
    return None
