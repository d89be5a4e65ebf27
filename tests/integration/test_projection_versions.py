"""Projections of earlier versions are brought up to date, whole or not at all; those of later ones are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shared.core.errors import Conflict
from shared.core.migrations import migrate
from shared.core.settings import Settings
from shared.jobs import archive
from shared.jobs.ledger import Ledger
from shared.jobs.projection import open_projection
from shared.jobs.projection_schema import STEPS
from tests.ledger_harness import LedgerHarness

#: As the first release made it, without a version.
FIRST = """
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE items (
  idx INTEGER PRIMARY KEY, name TEXT NOT NULL, generation INTEGER NOT NULL, sha256 TEXT, status TEXT NOT NULL,
  cached INTEGER NOT NULL, verdict TEXT, label TEXT, confidence REAL, margin REAL, candidates TEXT,
  code TEXT, detail TEXT);
CREATE INDEX items_confidence ON items (coalesce(confidence, 2), idx);
CREATE INDEX items_label ON items (label);
CREATE INDEX items_failed ON items (code) WHERE code IS NOT NULL;
CREATE TABLE vectors (idx INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE corrections (idx INTEGER PRIMARY KEY, label TEXT NOT NULL, at REAL NOT NULL);
INSERT INTO items VALUES (0, 'a.jpg', 0, 'ff', 'ok', 1, 'label', 'silk', 0.9, 0.5, '[]', NULL, '{}');
INSERT INTO items VALUES (1, 'b.jpg', 0, 'fe', 'failed', 0, NULL, NULL, NULL, NULL, '[]', 'truncated', '{}');
INSERT INTO corrections VALUES (0, 'satin', 1.0);
"""
JOB = "1m8mcpqtb3rj2"


@pytest.fixture
def own(settings: Settings) -> Settings:
    settings.jobs_dir.mkdir(parents=True)
    with closing(sqlite3.connect(settings.jobs_dir / f"{JOB}.sqlite")) as database:
        database.executescript(FIRST)
    return settings


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def test_a_file_of_the_first_version_is_brought_up_to_date(own: Settings) -> None:
    with closing(open_projection(own, JOB)) as projection:
        assert [(r["name"], r["corrected"]) for r in projection.rows()] == [("a.jpg", "satin"), ("b.jpg", None)]
        assert projection.described() is None
    assert version(own.jobs_dir / f"{JOB}.sqlite") == len(STEPS)


def test_a_later_versions_file_is_refused_and_not_touched(own: Settings) -> None:
    path = own.jobs_dir / f"{JOB}.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(Conflict) as refused:
        open_projection(own, JOB)
    assert refused.value.code == "projection_unknown"
    assert version(path) == 99


def test_a_step_that_fails_changes_nothing(own: Settings) -> None:
    path = own.jobs_dir / f"{JOB}.sqlite"
    steps = (*STEPS, ("ALTER TABLE items ADD COLUMN colour TEXT", "INSERT INTO nowhere VALUES (1)"))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        with pytest.raises(sqlite3.OperationalError):
            migrate(database, steps)
        assert "colour" not in [row[1] for row in database.execute("PRAGMA table_info(items)")]
    assert version(path) == 0
    good = (*STEPS, ("ALTER TABLE items ADD COLUMN colour TEXT",))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        migrate(database, good)
        assert database.execute("SELECT name, colour FROM items").fetchall() == [("a.jpg", None), ("b.jpg", None)]


def test_results_that_an_earlier_version_let_go_are_found_again(
    harness: LedgerHarness, ledger_settings: Settings, own: Settings
) -> None:
    """The ledger has no such job, and nothing says what it was called: its results are there."""
    (own.data_dir / "run").symlink_to(ledger_settings.run_dir)
    ledger = Ledger.connect(own)
    archive.reconcile(own, ledger)
    found = ledger.find(JOB)
    assert (found.total, found.ok, found.failed, found.cached, found.archived) == (2, 1, 1, 1, True)
    assert 1.6e9 < found.created < 4e9
    assert [job.id for job in ledger.listed()] == [JOB]
