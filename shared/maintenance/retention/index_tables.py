"""Tables of the bank server whose versions are gone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import structlog

from shared.bank.server.tables import TableNote, all_notes, drop
from shared.bank.store import BankStore
from shared.core.errors import Conflict, Unavailable
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance.retention.bank_versions import in_use
from shared.maintenance.retention.pins import Pins
from shared.maintenance.retention.plan import Due, Policies
from shared.storage import Storage

_log = structlog.get_logger(__name__)


def due(settings: Settings, ledger: Ledger, storage: Storage, policies: Policies, pins: Pins) -> Iterator[Due]:
    """Whatever the policies: a table is a copy, and `weft bank index` writes it again. None while no server answers."""
    store = BankStore(settings)
    if (server := store.server) is None:
        return
    used = in_use(ledger)
    try:
        notes = server.once(lambda connection, _: all_notes(connection), primary=True)
    except (Unavailable, Conflict) as error:
        _log.warning("bank_server_away", code=error.code, message=str(error))
        return
    for note in notes:
        if note.version not in used and _is_gone(store, storage, note.version):
            yield Due(note.version, 2 * note.rows * note.dim, partial(_take, store, ledger, storage, note))


def _is_gone(store: BankStore, storage: Storage, version: str) -> bool:
    return not (store.root / version).exists() and not storage.is_shared(f"banks/{version}")


def _take(store: BankStore, ledger: Ledger, storage: Storage, note: TableNote) -> bool:
    if store.server is None or note.version in in_use(ledger) or not _is_gone(store, storage, note.version):
        return False
    store.server.once(lambda connection, _: drop(connection, note.version), primary=True, seconds=60)
    return True
