"""What a run's job found out about its files: their hashes, and which of them are known content after all."""

from __future__ import annotations

from shared.collections.index import Index
from shared.core.errors import NotFound
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.projection import caught_up

#: Failures that say nothing of the photo: the next run takes it again.
AGAIN = ("missing_file", "card_changed", "unreadable", "timeout", "outside_roots")


def take_outcomes(settings: Settings, ledger: Ledger, index: Index, job: str, *, carry: bool) -> dict[str, int]:
    """Writes the hashes of an ended job's photos into the index; returns how many are `duplicates`, and with `carry`
    how many keep their earlier result: `touched` (same content, another date) and `moved_later` (same content as a
    vanished file, another date).

    Raises NotFound where the job was deleted, Unavailable.
    """
    ledger.find(job)
    db = index.db
    db.execute("DROP TABLE IF EXISTS temp.outcome")
    db.execute("CREATE TEMP TABLE outcome (idx INTEGER PRIMARY KEY, sha256 TEXT, again INTEGER NOT NULL)")
    with caught_up(settings, ledger, job) as projection:
        db.execute("BEGIN")
        db.executemany("INSERT INTO temp.outcome VALUES (?, ?, ?)", projection.outcomes(AGAIN))
        db.execute("COMMIT")
    with index.transaction():
        # What lacks a result was cancelled before its turn came.
        db.execute(
            "UPDATE files SET (sha256, again) = (SELECT max(sha256), coalesce(max(again), 0) OR count(*) < files.parts"
            " FROM temp.outcome WHERE idx >= files.idx AND idx < files.idx + files.parts) WHERE job = ?",
            (job,),
        )
        # Of another content: nobody has said anything of that.
        db.execute("UPDATE files SET said_job = NULL WHERE job = ? AND sha256 IS NOT old_sha256", (job,))
        counts = _carry(index, job) if carry else {}
        if not carry:
            _keep_reviews(settings, ledger, index, job)
        counts["duplicates"] = _duplicates(index, job)
        old = "old_sha256 = NULL, old_job = NULL, old_idx = NULL, old_parts = NULL"
        db.execute(f"UPDATE files SET {old} WHERE job = ?", (job,))
        index.recount()
    return counts


def _carry(index: Index, job: str) -> dict[str, int]:
    db = index.db
    back = "UPDATE files SET job = old_job, idx = old_idx, parts = old_parts"
    back += ", old_job = NULL, old_sha256 = NULL, old_idx = NULL, old_parts = NULL"
    touched = db.execute(f"{back} WHERE job = ? AND sha256 = old_sha256", (job,)).rowcount
    # Each vanished file lends its result to one file.
    pairs = db.execute(
        "SELECT files.path AS path, max(gone.path) AS source FROM files JOIN files AS gone"
        " ON gone.sha256 = files.sha256 AND gone.gone IS NOT NULL AND NOT gone.again AND gone.job <> files.job"
        " WHERE files.job = ? AND files.gone IS NULL AND files.old_job IS NULL GROUP BY files.path",
        (job,),
    ).fetchall()
    sources = {row["source"]: row["path"] for row in pairs}
    kept = "job, idx, parts, first_seen, said_job, said_idx"
    for source, path in sources.items():
        same = f"UPDATE files SET ({kept}) = (SELECT {kept} FROM files WHERE path = ?) WHERE path = ?"
        db.execute(same, (source, path))
        db.execute("DELETE FROM files WHERE path = ?", (source,))
    return {"touched": touched, "moved_later": len(sources)}


def _keep_reviews(settings: Settings, ledger: Ledger, index: Index, job: str) -> None:
    """Photos that were classified once more keep what people said of the earlier result."""
    again = "job = ? AND sha256 = old_sha256 AND old_job"
    db = index.db
    earlier = [
        row["old_job"] for row in db.execute(f"SELECT DISTINCT old_job FROM files WHERE {again} NOT NULL", (job,))
    ]
    for old in earlier:
        try:
            ledger.find(old)
        except NotFound:
            continue
        with caught_up(settings, ledger, old) as projection:
            reviewed = projection.reviews.indexes()
        said = f"UPDATE files SET said_job = old_job, said_idx = old_idx WHERE {again} = ?"
        said += " AND ? BETWEEN old_idx AND old_idx + old_parts - 1"
        db.executemany(said, [(job, old, item) for item in reviewed])


def _duplicates(index: Index, job: str) -> int:
    """Files of the job whose content another present file has, each set of the same ones less one."""
    found = index.db.execute(
        "SELECT count(*) FROM files WHERE job = ? AND gone IS NULL AND sha256 IS NOT NULL AND EXISTS (SELECT 1 FROM"
        " files AS other WHERE other.sha256 = files.sha256 AND other.gone IS NULL AND other.path <> files.path"
        " AND (other.job <> files.job OR other.path < files.path))",
        (job,),
    )
    return int(found.fetchone()[0])
