"""The projection's tables, by version (`PRAGMA user_version`).

Files of archived jobs are the only copy of their results: a step may add to them, and never makes them unreadable.
"""

from __future__ import annotations

#: One step a version, each a list of statements. Never change a step that was released: add one.
STEPS: tuple[tuple[str, ...], ...] = (
    # 1: as it was before versions were counted, so every statement also passes where its table exists
    (
        "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS items ("
        " idx INTEGER PRIMARY KEY, name TEXT NOT NULL, generation INTEGER NOT NULL, sha256 TEXT, status TEXT NOT NULL,"
        " cached INTEGER NOT NULL, verdict TEXT, label TEXT, confidence REAL, margin REAL, candidates TEXT,"
        " code TEXT, detail TEXT)",
        "CREATE INDEX IF NOT EXISTS items_confidence ON items (coalesce(confidence, 2), idx)",
        "CREATE INDEX IF NOT EXISTS items_label ON items (label)",
        "CREATE INDEX IF NOT EXISTS items_failed ON items (code) WHERE code IS NOT NULL",
        "CREATE TABLE IF NOT EXISTS vectors (idx INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
        "CREATE TABLE IF NOT EXISTS corrections (idx INTEGER PRIMARY KEY, label TEXT NOT NULL, at REAL NOT NULL)",
    ),
    # 2: the job's own data, which outlives the ledger (one row)
    ("CREATE TABLE IF NOT EXISTS job (only INTEGER PRIMARY KEY CHECK (only = 1), json TEXT NOT NULL)",),
    # 3: fields that are added from now on (`fields.EXTRA`), as one JSON object
    ("ALTER TABLE items ADD COLUMN extra TEXT",),
    # 4: reviews in place of corrections; what an act changed, so that it can be undone
    (
        "CREATE TABLE reviews (idx INTEGER PRIMARY KEY, state TEXT NOT NULL, label TEXT, at REAL NOT NULL, who TEXT)",
        "INSERT INTO reviews SELECT idx, 'corrected', label, at, NULL FROM corrections",
        "DROP TABLE corrections",
        "CREATE INDEX reviews_state ON reviews (state)",
        "CREATE TABLE review_acts (act INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT,"
        " state TEXT NOT NULL, label TEXT, photos INTEGER NOT NULL)",
        "CREATE TABLE review_before (act INTEGER, idx INTEGER, state TEXT NOT NULL, label TEXT, at REAL, who TEXT,"
        " PRIMARY KEY (act, idx)) WITHOUT ROWID",
        "CREATE INDEX IF NOT EXISTS items_verdict ON items (verdict)",
    ),
    # 5: the least certain of one verdict, without sorting all of it
    (
        "CREATE INDEX items_verdict_confidence ON items (verdict, coalesce(confidence, 2), idx)",
        "DROP INDEX items_verdict",
    ),
)
