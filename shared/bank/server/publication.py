"""Copies a version's vectors into a table of the bank server, and sees that it answers as the files do."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from shared.bank.bank import Bank
from shared.bank.manifest import VECTORS, Manifest
from shared.bank.server.connection import BankServer, Guard, driver, explained
from shared.bank.server.query import Floats, Ints, nearest
from shared.bank.server.tables import Copied, TableNote, comment, drop, name_of, noted
from shared.core.errors import BankError, Conflict

if TYPE_CHECKING:
    from shared.bank.server.connection import Connection

#: The oldest versions that know what is used here, of PostgreSQL (as it numbers itself) and of pgvector (`halfvec`).
_POSTGRESQL, _PGVECTOR = 130_000, (0, 7)
#: Rows that are sent at a time.
_BLOCK = 4096
#: Bytes of a row up to which it stays in its page; longer ones are kept beside the table.
_INLINE = 8000
#: Seconds for the copying of a block, for an index over all rows, and for which another publisher is awaited.
_COPY_SECONDS, _INDEX_SECONDS, _LOCK_SECONDS = 30.0, 1800.0, 60.0
#: Queries that are compared with the files, samples that each asks for, and the difference of two cosines that float32
#: sums of another order may have.
_QUERIES, _SHOWN, _TOLERANCE = 200, 3, 1e-3
#: Classes that each of them looks at, its own first.
_CLASSES = 4
_BATCH = 32
#: Begins the name of a table in the making.
_NEW = "weft_new_"


def publish(
    server: BankServer, bank: Bank, copied: Copied = lambda done, total: None, thorough: bool = False
) -> TableNote:
    """Makes the table of a version, unless it is there; nobody sees it before it is complete and has been checked.

    `thorough`: a table that is there is checked, too, and replaced where it fails; who reads it is not kept waiting.

    `bank`: with the vectors of its files, which match their checksums. Raises Conflict (`index_denied`,
    `index_no_extension`, `index_too_old`, `index_read_only`, `index_busy`, `index_needs_package`), Unavailable
    (`index_unavailable`, `index_full`), BankError("index_copy_differs").
    """
    psycopg = driver()

    def work(connection: Connection, guard: Guard) -> TableNote:
        try:
            with connection.transaction():
                return _published(connection, guard, bank, copied, thorough)
        except psycopg.errors.LockNotAvailable as error:
            raise Conflict("index_busy", version=bank.version) from error
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except psycopg.Error as error:
            raise explained(error) from error

    return server.once(work, primary=True)


def _published(connection: Connection, guard: Guard, bank: Bank, copied: Copied, thorough: bool) -> TableNote:
    from pgvector.psycopg import register_vector
    from psycopg import sql

    guard.alive(_LOCK_SECONDS + _COPY_SECONDS)
    connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS:.0f}s'")
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name_of(bank.version)])
    require_versions(connection)
    register_vector(connection)
    guard.alive(_INDEX_SECONDS)
    note = _note(bank.manifest)
    if (there := noted(connection, bank.version)) is not None and there.sha256 == note.sha256:
        checked = _checked(connection, bank, name_of(bank.version), there) if thorough else there
        if checked is not None:
            return checked
    made = f"{_NEW}{hashlib.sha256(bank.version.encode()).hexdigest()[:16]}"
    name = sql.Identifier(made)
    connection.execute(
        sql.SQL("CREATE TABLE {} (n int NOT NULL, class int NOT NULL, vec halfvec({}))").format(name, bank.dim)
    )
    if 2 * bank.dim + 64 < _INLINE:
        connection.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN vec SET STORAGE PLAIN").format(name))
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(name)) as copy:
        for block, done in _blocks(bank):
            guard.alive(_COPY_SECONDS)
            copy.write(block)
            copied(done, len(bank.vectors))
        guard.alive(_INDEX_SECONDS)
    connection.execute(sql.SQL("CREATE INDEX ON {} (class)").format(name))
    connection.execute(sql.SQL("ANALYZE {}").format(name))
    guard.alive(_INDEX_SECONDS)
    compared, difference = compare(connection, bank, made)
    note = note.model_copy(update={"compared": compared, "difference": difference, "written": time.time()})
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(comment(note))))
    # Last, since it keeps others waiting.
    drop(connection, bank.version)
    connection.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(name, sql.Identifier(name_of(bank.version))))
    return note


def _checked(connection: Connection, bank: Bank, table: str, note: TableNote) -> TableNote | None:
    """The note of a table that is there, as it was found now; None where it has lost rows or answers otherwise."""
    from psycopg import sql

    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    if row is None or row[0] != note.rows:
        return None
    try:
        compared, difference = compare(connection, bank, table)
    except BankError:
        return None
    return note.model_copy(update={"compared": compared, "difference": difference})


def require_versions(connection: Connection, pgvector: tuple[int, int] | None = None) -> None:
    """Makes the extension, where it is not there. Raises Conflict("index_too_old"), psycopg's errors."""
    found = connection.info.server_version
    if found < _POSTGRESQL:
        raise Conflict("index_too_old", found=f"PostgreSQL {found // 10_000}", needed="PostgreSQL 13")
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    version = str(row[0]) if row else "0"
    needed = pgvector or _PGVECTOR
    if tuple(int(part) for part in version.split(".")[:2]) < needed:
        raise Conflict("index_too_old", found=f"pgvector {version}", needed=f"pgvector {'.'.join(map(str, needed))}")


def _note(manifest: Manifest) -> TableNote:
    return TableNote(
        version=manifest.version,
        sha256=manifest.files[VECTORS].sha256,
        rows=manifest.counts.samples,
        dim=manifest.encoder.dim,
    )


def _blocks(bank: Bank) -> Iterator[tuple[bytes, int]]:
    """COPY's binary format, and the rows that are through after each piece."""
    row = np.dtype(
        [
            *(("fields", ">i2"), ("n_bytes", ">i4"), ("n", ">i4"), ("class_bytes", ">i4"), ("class", ">i4")),
            *(("vec_bytes", ">i4"), ("dim", ">i2"), ("unused", ">i2"), ("vec", ">f2", (bank.dim,))),
        ]
    )
    owner = np.repeat(np.arange(len(bank.labels), dtype=np.int32), bank.counts)
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8), 0
    for first in range(0, len(bank.vectors), _BLOCK):
        vectors = bank.vectors[first : first + _BLOCK]
        block: npt.NDArray[Any] = np.zeros(len(vectors), row)
        block["fields"], block["n_bytes"], block["class_bytes"] = 3, 4, 4
        block["vec_bytes"], block["dim"] = 4 + 2 * bank.dim, bank.dim
        block["n"] = np.arange(first, first + len(vectors))
        block["class"] = owner[first : first + len(vectors)]
        block["vec"] = vectors
        yield block.tobytes(), first + len(vectors)
    yield (-1).to_bytes(2, "big", signed=True), len(bank.vectors)


def compare(connection: Connection, bank: Bank, table: str) -> tuple[int, float]:
    """(queries asked, largest difference of two cosines) of samples that look for others, in their own class and those
    beside it, as ranking does.

    Raises BankError("index_copy_differs") where an answer is not that of the files, psycopg's errors.
    """
    connection.execute("SET LOCAL enable_seqscan = off")
    connection.execute("SET LOCAL jit = off")
    rng = np.random.default_rng(0)
    rows = rng.choice(len(bank.vectors), min(_QUERIES, len(bank.vectors)), replace=False)
    own = np.searchsorted(bank.starts, rows, side="right") - 1
    worst = 0.0
    for first in range(0, len(rows), _BATCH):
        asking, owner = rows[first : first + _BATCH], own[first : first + _BATCH]
        queries = np.asarray(bank.vectors[asking], np.float32)
        classes = (owner[:, None] + np.arange(_CLASSES)) % len(bank.labels)
        classes = classes[:, : len(bank.labels)]
        numbers = np.repeat(np.arange(len(asking)), classes.shape[1])
        found = nearest(connection, table, queries, numbers, classes.ravel(), _SHOWN + 1)
        for number, label, got, cosines in zip(numbers, classes.ravel(), found.rows, found.cosines, strict=True):
            worst = max(worst, _difference(bank, queries[number], int(label), int(asking[number]), got, cosines))
    if worst > _TOLERANCE:
        raise BankError("index_copy_differs", version=bank.version, difference=round(worst, 6))
    return len(rows), round(worst, 9)


def _difference(bank: Bank, query: Floats, label: int, itself: int, got: Ints, cosines: Floats) -> float:
    """Between the cosines that the table and the files give for a class's nearest samples, the query left out; 2 where
    a row is of another class, or missing."""
    start, end = int(bank.starts[label]), int(bank.starts[label + 1])
    every = np.minimum(np.asarray(bank.vectors[start:end], np.float32) @ query, 1)
    others = got >= 0
    if ((got[others] < start) | (got[others] >= end)).any():
        return 2.0
    right = np.sort(np.where(np.arange(start, end) == itself, -np.inf, every))[::-1]
    right = right[np.isfinite(right)][:_SHOWN]
    keep = others & (got != itself)
    rows, told = got[keep][:_SHOWN], cosines[keep][:_SHOWN]
    if len(rows) != len(right):
        return 2.0
    if not len(rows):
        return 0.0
    # The right values in the right places, and the rows that they are said to be of.
    return float(max(np.abs(told - right).max(), np.abs(told - every[rows - start]).max()))
