"""What `weft doctor` looks at on the bank server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.cli.finding import Finding
from shared.bank.server.connection import BankServer
from shared.bank.server.tables import TableNote, is_served, noted, require
from shared.bank.store import BankStore
from shared.core.errors import Conflict, WeftError
from shared.core.settings import Settings

_SERVER = """
    SELECT current_setting('server_version'), pg_is_in_recovery(),
        (SELECT extversion FROM pg_extension WHERE extname = 'vector')
"""


def bank_server(settings: Settings) -> Iterator[Finding]:
    """Whether a server answers, whether one takes changes, and whether it has the tables of the active versions.

    Raises WeftError where none answers.
    """
    server = BankServer.of(settings)
    if server is None:
        return
    version, is_replica, extension = server.once(lambda connection, _: _asked(connection), primary=False)
    text = f"PostgreSQL {version.split()[0]}, pgvector {extension or 'not installed'}{', a replica' * is_replica}"
    yield Finding("bank server", "ok", text)
    try:
        server.once(lambda connection, _: _asked(connection), primary=True)
    except Conflict as error:
        # Enough to classify with, not to make a version active.
        yield Finding("bank server", "note", str(error))
    default = BankStore(settings)
    for info in default.banks.list():
        store = default.of(info.id)
        current = store.current()
        if current is None or not is_served(server, manifest := store.manifest(current)):
            continue
        try:
            note = server.once(lambda connection, _, version=current: noted(connection, version), primary=False)  # type: ignore[misc]
            require(manifest, note)
        except WeftError as error:
            yield Finding("bank server", "broken", str(error))
        else:
            yield Finding("bank server", "ok", f"{current}: {_rows(note)}")


def _asked(connection: Any) -> Any:
    return connection.execute(_SERVER).fetchone()


def _rows(note: TableNote | None) -> str:
    return f"{note.rows} vectors, checked with {note.compared} queries" if note else ""
