"""The tables of bank versions: one each, with a note of what it was made of. No numpy here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from shared.bank.manifest import VECTORS, Manifest
from shared.core.documents import Document, parse_json
from shared.core.errors import Unavailable

if TYPE_CHECKING:
    from shared.bank.server.connection import BankServer, Connection

#: Called with (rows that are copied, rows in all).
Copied = Callable[[int, int], None]

_PREFIX = "weft_bank_"
#: Characters of a name in PostgreSQL.
_LONGEST = 63
_NOTES = """
    SELECT obj_description(oid, 'pg_class') FROM pg_class
    WHERE relkind = 'r' AND starts_with(relname, %s) AND pg_table_is_visible(oid)
"""


class TableNote(Document):
    """The comment of a table, as JSON."""

    version: str
    #: SHA-256 of the `vectors.npy` that it was copied from.
    sha256: str
    rows: int
    dim: int
    #: Queries by which the table was compared with the files before anybody saw it, and the largest difference of two
    #: cosines.
    compared: int = 0
    difference: float = 0.0
    #: Seconds since the epoch.
    written: float = 0.0


def name_of(version: str) -> str:
    """The table of a version; also of versions whose names are longer than a table's may be."""
    name = _PREFIX + version
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 13]}-{hashlib.sha256(version.encode()).hexdigest()[:12]}"


def is_served(server: BankServer | None, manifest: Manifest) -> TypeGuard[BankServer]:
    """Whether ranking asks the bank server about this version: small ones are one matrix product, and stay local."""
    return server is not None and manifest.is_large


def noted(connection: Connection, version: str) -> TableNote | None:
    """The note of a version's table; None where there is none, or it is not ours. Raises psycopg's errors."""
    row = connection.execute(
        "SELECT obj_description(to_regclass(quote_ident(%s)), 'pg_class')", [name_of(version)]
    ).fetchone()
    return _parsed(row[0]) if row and row[0] else None


def all_notes(connection: Connection) -> list[TableNote]:
    """Of all tables of versions. Raises psycopg's errors."""
    found = [_parsed(row[0]) for row in connection.execute(_NOTES, [_PREFIX]) if row[0]]
    return [note for note in found if note]


def require(manifest: Manifest, note: TableNote | None) -> None:
    """Raises Unavailable: `index_missing` without a note, `index_differs` where it is not of this version's files."""
    if note is None:
        raise Unavailable("index_missing", version=manifest.version)
    wanted = (manifest.files[VECTORS].sha256, manifest.counts.samples, manifest.encoder.dim)
    if (note.sha256, note.rows, note.dim) != wanted:
        raise Unavailable("index_differs", version=manifest.version)


def ensure(
    server: BankServer,
    folder: Path,
    manifest: Manifest,
    copied: Copied = lambda done, total: None,
    thorough: bool = False,
) -> TableNote:
    """The note of a version's table, which is made of its complete and checked `folder` where it is not there.

    `thorough`: a table that is there is compared with the files again. Needs numpy in both cases. Raises as
    `shared.bank.server.publication.publish`.
    """
    there = server.once(lambda connection, _: noted(connection, manifest.version), primary=True)
    if not thorough and there is not None and there.sha256 == manifest.files[VECTORS].sha256:
        return there
    from shared.bank.bank import Bank
    from shared.bank.server.publication import publish

    return publish(server, Bank.open(folder, manifest), copied, thorough)


def drop(connection: Connection, version: str) -> None:
    """Removes a version's table, if there is one. Raises psycopg's errors."""
    from psycopg import sql

    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name_of(version))))


def comment(note: TableNote) -> str:
    return json.dumps(note.to_json(), separators=(",", ":"))


def _parsed(text: str) -> TableNote | None:
    try:
        return TableNote.from_json(parse_json(text.encode()))
    except ValueError:
        return None
