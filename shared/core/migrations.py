"""Tables of an SQLite file, by version (`PRAGMA user_version`): one tuple of statements a version.

Never change a step that was released: add one.
"""

from __future__ import annotations

import sqlite3
import time

from shared.core.errors import Conflict


def migrate(database: sqlite3.Connection, steps: tuple[tuple[str, ...], ...]) -> None:
    """Brings a file to the present version; each step is done whole or not at all.

    Raises:
        Conflict: a later version wrote the file (`projection_unknown`).
    """
    if (found := _version(database)) == len(steps):
        return
    if found > len(steps):
        raise Conflict("projection_unknown", found=found, expected=len(steps))
    database.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have been quicker.
        for number, step in enumerate(steps[_version(database) :], start=_version(database) + 1):
            for statement in step:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number}")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def write_ahead(database: sqlite3.Connection, seconds: float = 20.0) -> None:
    """Sets write-ahead logging. Another process that sets it at the same moment is waited for: SQLite's own timeout
    does not hold for this.

    Raises:
        sqlite3.OperationalError: the file stays locked for so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])
