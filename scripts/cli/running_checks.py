"""What `weft doctor` says of the machine at this moment: load, memory, and clock."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from scripts.cli.finding import Finding
from shared.core.settings import cores
from shared.jobs.ledger import Ledger, server

#: Processes that want a processor, per processor, from which everything is told to be slow.
BUSY_LOAD = 2.0
#: Share of the memory that is available, below which it is told, and below which processes are about to be killed.
LOW_MEMORY, NO_MEMORY = 0.10, 0.03
#: Seconds that this machine's clock may differ from Redis's: schedules and "last seen" are told by the former.
CLOCK_SECONDS = 5.0


def load() -> Iterator[Finding]:
    """Whether other programs, or too many workers, leave photos little of the processors."""
    each = os.getloadavg()[0] / cores()
    text = f"{each * cores():.1f} processes on {cores()} processors over the last minute"
    if each < BUSY_LOAD:
        yield Finding("load", "ok", text)
    else:
        slow = f"{text}: photos, starts and pages take about {each:.0f} times as long as on an idle machine. "
        yield Finding("load", "note", slow + "See what runs (`top`); start fewer workers or use another machine.")


def memory(group: Path = Path("/sys/fs/cgroup")) -> Iterator[Finding]:
    """Whether the machine, or the container (`group`), is about to end processes for want of memory."""
    found = psutil.virtual_memory()
    available, total = found.available, found.total
    limit, used = _limited(group)
    if limit is not None and limit < total:
        available, total = min(available, max(0, limit - used)), limit
    share = available / total
    text = f"{available / 1024**3:.1f} of {total / 1024**3:.1f} GB available"
    if share >= LOW_MEMORY:
        yield Finding("memory", "ok", text)
        return
    state = "broken" if share < NO_MEMORY else "note"
    yield Finding("memory", state, f"{text}: start fewer workers, lower WEFT_DECODE_MB, or use a smaller model")


def _limited(group: Path) -> tuple[int | None, int]:
    """(bytes that the container may use, or None; bytes that it uses, without what the kernel can drop)."""
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        # No container, no limit (`max`), or another version of cgroups.
        return None, 0
    return limit, max(0, used - int(stat.get("inactive_file", 0)))


def clock(ledger: Ledger) -> Iterator[Finding]:
    """Whether this machine's clock agrees with that of Redis. Raises Unavailable."""
    before = time.time()
    behind = server.clock(ledger.connection.redis) - (before + time.time()) / 2
    if abs(behind) < CLOCK_SECONDS:
        yield Finding("clock", "ok", "agrees with that of Redis")
        return
    side = "behind" if behind > 0 else "ahead of"
    text = f"{abs(behind):.0f} s {side} that of Redis: scheduled jobs start at the wrong time. "
    yield Finding(
        "clock", "broken", text + "Turn on time synchronisation on both machines (`timedatectl set-ntp true`)."
    )
