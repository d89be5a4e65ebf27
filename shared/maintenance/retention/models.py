"""Converted models that nothing names: they are converted again where somebody needs them after all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from shared.bank.store import BankStore
from shared.core.settings import Settings
from shared.encoder import spec
from shared.encoder.store import ModelStore
from shared.jobs.heartbeat import live_workers
from shared.jobs.ledger import Ledger
from shared.maintenance.retention.pins import Pins
from shared.maintenance.retention.plan import DAY, GONE, Due, Policies, bytes_below
from shared.storage import Storage

#: Joins the models of a joined encoder.
_AND = " + "


def due(settings: Settings, ledger: Ledger, storage: Storage, policies: Policies, pins: Pins) -> Iterator[Due]:
    before = time.time() - policies.models * DAY
    store = ModelStore.of(settings)
    named = _named(settings, ledger)
    for manifest in store.list():
        if manifest.created > before or manifest.name in named:
            continue
        if not pins.has("model", manifest.identity):
            folder = store.folder(manifest.identity)
            yield Due(
                manifest.identity, bytes_below(folder), partial(_take, settings, ledger, store, folder, manifest.name)
            )


def _named(settings: Settings, ledger: Ledger) -> set[str]:
    """Models of the settings, of every version of every bank, of workers and of jobs. Raises ModelError."""
    told = {part.name for part in spec.parse(settings.model)}
    told |= {worker.model or "" for worker in live_workers(ledger)} | {job.model for job in ledger.active()}
    banks = BankStore(settings)
    for info in banks.banks.list():
        told |= {entry.model for entry in banks.of(info.id).list()}
    return {name.strip() for one in told for name in one.split(_AND)}


def _take(settings: Settings, ledger: Ledger, store: ModelStore, folder: Path, name: str) -> bool:
    with store.locked():
        if name in _named(settings, ledger):
            return False
        aside = folder.with_name(f"{GONE}{folder.name}")
        try:
            os.rename(folder, aside)
        except FileNotFoundError:
            return False
    shutil.rmtree(aside, ignore_errors=True)
    return True
