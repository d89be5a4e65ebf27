"""A projection in numbers: some are kept by triggers (the table `item_counts`), the others need a look at every row."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from shared.jobs.fields import PARENT
from shared.jobs.result_filters import DEFINITE, FINAL_LABEL, JOINED

# The order is given: there are fewer reviews than photos.
_REVIEWED = "reviews CROSS JOIN items USING (idx)"
#: Of each final label: what the model said, less what people have reviewed, and their answers.
_LABELS = (
    "SELECT label, sum(n) AS n FROM (SELECT label, photos AS n FROM item_counts"
    f" UNION ALL SELECT items.label, -1 FROM {_REVIEWED}"
    f" UNION ALL SELECT {FINAL_LABEL}, 1 FROM {_REVIEWED})"
    " WHERE label != '' GROUP BY 1 HAVING sum(n) > 0 ORDER BY n DESC, 1"
)
_TODO = (
    "SELECT verdict, sum(n) FROM (SELECT verdict, photos AS n FROM item_counts"
    f" UNION ALL SELECT items.verdict, -1 FROM {_REVIEWED})"
    " WHERE verdict != '' GROUP BY 1 HAVING sum(n) > 0"
)


class ItemCounts:
    """The counts of a projection's database, in which `class_of` is known to SQL."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def total(self) -> int:
        return int(self._db.execute("SELECT coalesce(sum(photos), 0) FROM item_counts").fetchone()[0])

    def labels(self) -> dict[str, int]:
        """By final label, the largest first; a photo without a definite result counts for its best class."""
        return dict(self._db.execute(_LABELS).fetchall())

    def verdicts(self) -> dict[str, int]:
        return self._by("verdict")

    def todo(self) -> dict[str, int]:
        """Photos that nobody has reviewed, by verdict."""
        return dict(self._db.execute(_TODO).fetchall())

    def failures(self) -> dict[str, int]:
        """By code, the most frequent first."""
        return self._by("code")

    def failed_names(self, each: int) -> dict[str, list[str]]:
        """Names of at most `each` photos that failed for each reason."""
        numbered = "SELECT code, name, row_number() OVER (PARTITION BY code ORDER BY idx) AS place FROM items"
        sql = f"SELECT code, name FROM ({numbered} WHERE code IS NOT NULL) WHERE place <= ? ORDER BY code, place"
        found: dict[str, list[str]] = {}
        for row in self._db.execute(sql, (each,)):
            found.setdefault(row["code"], []).append(row["name"])
        return found

    def by_folder(self) -> Iterator[tuple[str, str, bool, str | None, int]]:
        """(folder in the job, best class as it is called now, whether the verdict is `label`, the parent that was the
        answer instead, photos)."""
        self._db.create_function(
            "folder_of", 1, lambda name: name.replace("\\", "/").rpartition("/")[0], deterministic=True
        )
        sql = (
            "SELECT folder_of(name) AS folder, class_of(items.label) AS label, verdict = 'label' AS definite,"
            f""" json_extract(extra, '$."{PARENT.key}"[0]') AS parent, count(*) AS n"""
            " FROM items WHERE status = 'ok' GROUP BY 1, 2, 3, 4"
        )
        for row in self._db.execute(sql):
            if row["folder"]:
                yield row["folder"], row["label"], bool(row["definite"]), row["parent"], row["n"]

    def class_counts(self) -> list[tuple[str, int, float, int]]:
        """(final label, photos, mean confidence, how many are reviewed) of every class, the largest first."""
        sums = "count(*) AS n, avg(items.confidence), count(reviews.state)"
        sql = f"SELECT {DEFINITE} AS final, {sums} FROM {JOINED} GROUP BY 1 HAVING final IS NOT NULL ORDER BY n DESC, 1"
        return [tuple(row) for row in self._db.execute(sql)]

    def class_examples(self, labels: Collection[str], each: int) -> dict[str, list[int]]:
        """Indexes of at most `each` photos of these final labels, the most certain first."""
        ranked = (
            f"SELECT idx, {DEFINITE} AS final, row_number() OVER (PARTITION BY {DEFINITE}"
            f" ORDER BY items.confidence DESC, idx) AS place FROM {JOINED} WHERE items.status = 'ok'"
        )
        found: dict[str, list[int]] = {}
        sql = f"SELECT idx, final FROM ({ranked}) WHERE place <= ? AND final IS NOT NULL ORDER BY final, place"
        for row in self._db.execute(sql, (each,)):
            if row["final"] in labels:
                found.setdefault(row["final"], []).append(row["idx"])
        return found

    def mean_confidence(self) -> float | None:
        """Of all photos with a result; None without any."""
        (mean,) = self._db.execute("SELECT avg(confidence) FROM items").fetchone()
        return None if mean is None else float(mean)

    def _by(self, column: str) -> dict[str, int]:
        sql = f"SELECT {column}, sum(photos) AS n FROM item_counts WHERE {column} != '' GROUP BY 1"
        return dict(self._db.execute(f"{sql} HAVING n > 0 ORDER BY n DESC, 1").fetchall())
