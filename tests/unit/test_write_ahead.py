"""Processes that open a new SQLite file at the same moment wait for each other."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from shared.core.migrations import write_ahead


def test_who_comes_second_waits(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as first:
        first.execute("CREATE TABLE something (number)")
        first.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(0.5, lambda: first.execute("COMMIT"))
        release.start()
        with closing(sqlite3.connect(file, isolation_level=None)) as second:
            write_ahead(second)
            assert second.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        release.join()


def test_a_file_that_stays_locked_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as first:
        first.execute("CREATE TABLE something (number)")
        first.execute("BEGIN EXCLUSIVE")
        with closing(sqlite3.connect(file, timeout=0.1, isolation_level=None)) as second:
            began = time.monotonic()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                write_ahead(second, seconds=0.2)
            assert time.monotonic() - began >= 0.2
