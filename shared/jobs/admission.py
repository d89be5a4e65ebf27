"""Whether there is room for more work. Asked before anything is accepted: what was accepted must be able to end.

A Redis at `maxmemory` refuses commits, and one that appends to a full disk ends (docs/reliability.md), so new jobs
are refused well before either.
"""

from __future__ import annotations

import shutil

from shared.core.errors import Unavailable
from shared.core.settings import Settings
from shared.jobs.ledger.job_store import JobStore

#: Share of `maxmemory` from which on ended jobs are released before their time, the longest ended first.
MEMORY_FOR_ENDED = 0.4
#: Share of `maxmemory` from which on no job is accepted: results of the accepted ones still have to fit.
MEMORY_FOR_JOBS = 0.6
#: Share from which on folders are not listed any further.
MEMORY_FOR_LISTING = 0.8
#: Free share of the disk from which on jobs are accepted, however much is to stay free.
DISK_FREE = 0.1


def require_room(settings: Settings, ledger: JobStore) -> None:
    """Raises: Unavailable (`memory_full`, `disk_full`, `redis_unavailable`)."""
    if memory_share(ledger) >= MEMORY_FOR_JOBS:
        raise Unavailable("memory_full", retry_after=30)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if disk_is_short(settings):
        raise Unavailable("disk_full", retry_after=60)


def require_space(settings: Settings, incoming: int) -> None:
    """Whether this many bytes fit on the disk beside its reserve; an object store's disk is not asked.

    Raises: Unavailable (`disk_too_small`).
    """
    if not incoming or settings.storage_url:
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    usage = shutil.disk_usage(settings.data_dir)
    if usage.free - incoming < disk_reserve(settings, usage.total):
        raise Unavailable("disk_too_small", need=_megabytes(incoming), free=_megabytes(usage.free))


def memory_share(ledger: JobStore) -> float:
    """Used share of the ledger's `maxmemory`; 0 where there is no limit. Raises: Unavailable."""
    used, limit = ledger.memory()
    return used / limit if limit else 0.0


def disk_is_short(settings: Settings) -> bool:
    """Whether the file system of the data folder, which exists, is nearly full."""
    usage = shutil.disk_usage(settings.data_dir)
    return usage.free < disk_reserve(settings, usage.total)


def disk_reserve(settings: Settings, total: int) -> float:
    """Bytes of a disk of this size that new jobs leave free."""
    return min(DISK_FREE * total, settings.disk_reserve_mb * 1024**2)


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
