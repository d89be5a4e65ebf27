"""What `weft doctor` says of what runs at this moment: the machine's load and memory, its clock, and jobs that wait."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import psutil

from scripts.cli.finding import Finding
from shared.core.settings import cores
from shared.jobs.ledger import Ledger, server
from shared.jobs.notes import note_sentence
from shared.maintenance import disk_use

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


def memory() -> Iterator[Finding]:
    """Whether the machine is about to end processes for want of memory."""
    found = psutil.virtual_memory()
    share = found.available / found.total
    text = f"{found.available / 1024**3:.1f} of {found.total / 1024**3:.1f} GB available"
    if share >= LOW_MEMORY:
        yield Finding("memory", "ok", text)
        return
    state = "broken" if share < NO_MEMORY else "note"
    yield Finding("memory", state, f"{text}: start fewer workers, lower WEFT_DECODE_MB, or use a smaller model")


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


def kept(ledger: Ledger) -> Iterator[Finding]:
    """What takes the disk, the most first. Raises Unavailable."""
    use = disk_use.last(ledger.connection)
    if use is not None:
        largest = sorted(use.bytes.items(), key=lambda row: -row[1])
        text = ", ".join(f"{kind} {size / 1024**2:,.0f} MB" for kind, size in largest if size >= 1024**2)
        yield Finding("kept on disk", "ok", text or "less than 1 MB of each kind")


def jobs(ledger: Ledger) -> Iterator[Finding]:
    """Jobs that were started and do not move, each with its reason. Raises Unavailable."""
    for job in ledger.active():
        if job.waiting_for:
            yield Finding(f"job {job.id}", "broken", f"“{job.name}” waits: {note_sentence(job)}")
