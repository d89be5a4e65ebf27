"""Versions of banks that are none of the newest, and that nobody uses."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from functools import partial

from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.jobs.heartbeat import live_workers
from shared.jobs.ledger import Ledger
from shared.maintenance.retention.pins import Pins
from shared.maintenance.retention.plan import DAY, GONE, Due, Policies, bytes_below
from shared.storage import Storage

#: Days for which a version stays that was made, and not made active yet.
_NEW_DAYS = 7.0


def due(settings: Settings, ledger: Ledger, storage: Storage, policies: Policies, pins: Pins) -> Iterator[Due]:
    default = BankStore(settings)
    used = in_use(ledger)
    for info in default.banks.list():
        store = default.of(info.id)
        # Newest first. A damaged version names no bank, and is left for people to look at.
        versions = [entry for entry in store.list() if not entry.damaged]
        for entry in versions[policies.bank_versions :]:
            young = time.time() - entry.created < _NEW_DAYS * DAY
            needed = entry.version in used or _is_active(store, entry.version)
            if young or needed or pins.has("version", entry.version):
                continue
            take = partial(_take, store, ledger, storage, entry.version)
            yield Due(entry.version, bytes_below(store.root / entry.version), take)


def _is_active(store: BankStore, version: str) -> bool:
    """Whether it is active, a part of the draft, or what a roll back would make active."""
    state = store.state.read()
    before = [publication.version for publication in state.history[:-1]]
    return version in (state.version, *state.draft, *before[-1:])


def in_use(ledger: Ledger) -> set[str]:
    """Versions of jobs that the ledger holds, which may be retried, and of workers. Raises Unavailable."""
    used = {version for worker in live_workers(ledger) for version in worker.banks}
    before: float | None = None
    while page := ledger.jobs(500, before):
        used |= {job.bank for job in page}
        before = page[-1].created
    return used | {job.bank for job in ledger.active()}


def _take(store: BankStore, ledger: Ledger, storage: Storage, version: str) -> bool:
    if version in in_use(ledger):
        return False
    with store.state.locked():
        # Nobody makes it active meanwhile.
        if _is_active(store, version):
            return False
        aside = store.root / f"{GONE}{version}"
        try:
            os.rename(store.root / version, aside)
        except FileNotFoundError:
            return False
    storage.unshare(f"banks/{version}")
    shutil.rmtree(aside, ignore_errors=True)
    return True
