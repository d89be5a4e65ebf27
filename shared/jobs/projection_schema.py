"""The projection's tables, by version (`PRAGMA user_version`).

Files of archived jobs are the only copy of their results: a step may add to them, and never makes them unreadable.
"""

from __future__ import annotations

#: Adds the row `{0}` of `items`, or takes it away, in the table that counts them.
_COUNT = (
    "INSERT INTO item_counts VALUES (coalesce({0}.verdict, ''), coalesce({0}.label, ''), coalesce({0}.code, ''), {1})"
    " ON CONFLICT DO UPDATE SET photos = photos + excluded.photos"
)
_ADDED, _REMOVED = _COUNT.format("new", 1), _COUNT.format("old", -1)

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
    # 6: how many rows there are of each kind, kept as rows are written, so that a page of a million photos counts none
    (
        "CREATE TABLE item_counts (verdict TEXT, label TEXT, code TEXT, photos INTEGER NOT NULL,"
        " PRIMARY KEY (verdict, label, code)) WITHOUT ROWID",
        "INSERT INTO item_counts SELECT coalesce(verdict, ''), coalesce(label, ''), coalesce(code, ''), count(*)"
        " FROM items GROUP BY 1, 2, 3",
        f"CREATE TRIGGER item_added AFTER INSERT ON items BEGIN {_ADDED}; END",
        f"CREATE TRIGGER item_changed AFTER UPDATE OF verdict, label, code ON items BEGIN {_REMOVED}; {_ADDED}; END",
        f"CREATE TRIGGER item_removed AFTER DELETE ON items BEGIN {_REMOVED}; END",
        # Rows without a gap need not be counted to find the one at a place.
        "INSERT INTO state SELECT 'whole', count(*) FROM items HAVING count(*) > 0 AND count(*) = max(idx) + 1",
        # The photos that should be taken again.
        """CREATE INDEX items_quality ON items (idx) WHERE json_array_length(items.extra, '$."quality/1"') > 0""",
    ),
)
