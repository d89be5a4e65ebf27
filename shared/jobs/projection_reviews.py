"""Reviews of a job's results, which exist only in its projection, and the classes that they mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.bank.class_names import ClassNames, Spellings, UnknownClass
from shared.core.errors import NotFound
from shared.core.names import label as new_label
from shared.jobs.projection_counts import ItemCounts
from shared.jobs.reviews import REVIEWED, Review, ReviewAct, ReviewState, Skip
from shared.ranking.model import Verdict

#: Acts of a job that can be undone; of older ones only their effect is kept.
UNDOABLE = 100
_COLUMNS = "idx, state, label, at, who"
#: Which of the chosen photos are skipped. What was reviewed counts as that, whatever the model said.
_SKIPPED = {
    Skip.REVIEWED: "SELECT idx FROM reviews",
    Skip.NOT_IN_BANK: f"SELECT idx FROM items WHERE verdict = '{Verdict.NOT_IN_BANK}'",
    Skip.FAILED: "SELECT idx FROM items WHERE label IS NULL",
}


class Reviews:
    """The table `reviews` of a projection. SQL gets the function `class_of(label)`.

    A label is stored as it was resolved then, and resolved again whenever it is read: class names may change.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._names: ClassNames | None = None
        self._spellings = Spellings(ClassNames(()))
        self._db.create_function("class_of", 1, self.class_of, deterministic=True)

    def understand(self, names: ClassNames) -> None:
        """From now on labels are read as these classes, and unknown ones are refused."""
        self._names = names
        self._read_spellings()

    def class_of(self, label: str | None) -> str | None:
        """The class that a label means, or the label itself."""
        return label if self._names is None or label is None else self._spellings.resolve(label) or label

    def meaning(self, label: str) -> str | None:
        """The class that `label` means here, one made by a correction included; None where there is none."""
        return self._spellings.resolve(label)

    def parent_of(self, label: str) -> str | None:
        """The parent of a class, as the bank names it; None: it has none."""
        return None if self._names is None else self._names.parent_of(label)

    def put(self, review: Review, chosen: str, values: list[Any], who: str | None) -> ReviewAct:
        """Reviews all items whose `idx` the query `chosen` (with its `values`) gives, in one transaction.

        Only photos with a predicted class can be confirmed; others are left as they are.

        Raises:
            UnknownClass: the label means no class, and it is not said to be a `new_class`.
        """
        label = None if review.label is None else self._settled(review.label, review.new_class)
        state = ReviewState.CORRECTED if label is not None else review.state
        now = time.time()
        with self._transaction():
            act = self._begin(now, who, state, label)
            skipped = self._choose(chosen, values, _skips(review))
            classes = self._classes(state, label)
            self._remember(act)
            if state is ReviewState.TODO:
                self._db.execute("DELETE FROM reviews WHERE idx IN chosen")
            else:
                said = "items.label" if state is ReviewState.CONFIRMED else ":label"
                which = f"CASE WHEN class_of(items.label) = :label THEN '{ReviewState.CONFIRMED}' ELSE :state END"
                self._db.execute(
                    f"INSERT OR REPLACE INTO reviews ({_COLUMNS})"
                    f" SELECT idx, {which}, {said}, :at, :who FROM items WHERE idx IN chosen",
                    {"label": label, "state": state, "at": now, "who": who},
                )
            done = self._end(act)
        self._read_spellings()
        return ReviewAct(act, done, now, who, state, label, classes, skipped)

    def preview(self, review: Review, chosen: str, values: list[Any]) -> ReviewAct:
        """What `put` would do; nothing is stored. Raises UnknownClass."""
        label = None if review.label is None else self._settled(review.label, review.new_class)
        state = ReviewState.CORRECTED if label is not None else review.state
        skipped = self._choose(chosen, values, _skips(review))
        classes = self._classes(state, label)
        (photos,) = self._db.execute("SELECT count(*) FROM temp.chosen").fetchone()
        self._read_spellings()
        return ReviewAct(None, photos, time.time(), None, state, label, classes, skipped)

    def undo(self, act: int) -> ReviewAct:
        """Restores what stood before an act, for the photos that nobody has reviewed again since.

        Raises:
            NotFound: no such act, or it is too long ago.
        """
        with self._transaction():
            row = self._db.execute("SELECT * FROM review_acts WHERE act = ?", (act,)).fetchone()
            if row is None:
                raise NotFound(what=f"review {act}")
            same = (
                "SELECT before.* FROM review_before AS before LEFT JOIN reviews USING (idx)"
                " WHERE before.act = :act AND coalesce(reviews.at, :at) = :at"
            )
            self._db.execute("DROP TABLE IF EXISTS temp.undone")
            self._db.execute(f"CREATE TEMP TABLE undone AS {same}", {"act": act, "at": row["at"]})
            self._db.execute("DELETE FROM reviews WHERE idx IN (SELECT idx FROM undone)")
            self._db.execute(
                f"INSERT INTO reviews ({_COLUMNS}) SELECT {_COLUMNS} FROM undone WHERE state != '{ReviewState.TODO}'"
            )
            (photos,) = self._db.execute("SELECT count(*) FROM undone").fetchone()
            self._db.execute("DELETE FROM review_before WHERE act = ?", (act,))
            self._db.execute("DELETE FROM review_acts WHERE act = ?", (act,))
        self._read_spellings()
        return ReviewAct(act, photos, row["at"], row["who"], ReviewState(row["state"]), row["label"])

    def acts(self, limit: int = 20) -> list[ReviewAct]:
        """What was done and can be undone, the last act first."""
        rows = self._db.execute("SELECT * FROM review_acts ORDER BY act DESC LIMIT ?", (limit,))
        return [ReviewAct(r["act"], r["photos"], r["at"], r["who"], ReviewState(r["state"]), r["label"]) for r in rows]

    def counts(self) -> dict[str, int]:
        """How many items there are of each `ReviewState`."""
        found = dict(
            self._db.execute("SELECT state, count(*) FROM reviews CROSS JOIN items USING (idx) GROUP BY 1").fetchall()
        )
        return {
            ReviewState.TODO: ItemCounts(self._db).total() - sum(found.values()),
            **{state: found.get(state, 0) for state in REVIEWED},
        }

    def any(self) -> bool:
        """Whether anything was reviewed."""
        return self._db.execute("SELECT 1 FROM reviews LIMIT 1").fetchone() is not None

    def indexes(self) -> list[int]:
        """The items that were reviewed."""
        return [row["idx"] for row in self._db.execute("SELECT idx FROM reviews")]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _settled(self, text: str, new_class: bool) -> str:
        if self._names is None:
            return text
        found = self._spellings.resolve(text)
        if found is None:
            fresh = new_label(text)
            if not new_class:
                raise UnknownClass(fresh, self._names.near(fresh), makes=True)
            found = self._spellings.settle(fresh)
        return found

    def _begin(self, now: float, who: str | None, state: ReviewState, label: str | None) -> int:
        cursor = self._db.execute(
            "INSERT INTO review_acts (at, who, state, label, photos) VALUES (?, ?, ?, ?, 0)", (now, who, state, label)
        )
        assert cursor.lastrowid is not None
        old = cursor.lastrowid - UNDOABLE
        self._db.execute("DELETE FROM review_before WHERE act <= ?", (old,))
        self._db.execute("DELETE FROM review_acts WHERE act <= ?", (old,))
        return cursor.lastrowid

    def _choose(self, chosen: str, values: list[Any], skips: list[Skip]) -> dict[Skip, int]:
        """Fills `temp.chosen`; returns how many of the chosen photos are not in it, by reason."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (idx INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM temp.chosen")
        self._db.execute(f"INSERT INTO temp.chosen {chosen}", values)
        skipped = {
            skip: self._db.execute(f"DELETE FROM temp.chosen WHERE idx IN ({_SKIPPED[skip]})").rowcount
            for skip in skips
        }
        return {skip: photos for skip, photos in skipped.items() if photos}

    def _classes(self, state: ReviewState, label: str | None) -> dict[str, int]:
        """How many of `temp.chosen` get which class, the largest first."""
        if state not in (ReviewState.CONFIRMED, ReviewState.CORRECTED):
            return {}
        given = ":label" if label is not None else "class_of(items.label)"
        sql = (
            f"SELECT {given} AS given, count(*) AS n FROM items WHERE idx IN temp.chosen GROUP BY 1 ORDER BY n DESC, 1"
        )
        return dict(self._db.execute(sql, {"label": label}).fetchall())

    def _remember(self, act: int) -> None:
        self._db.execute(
            f"INSERT INTO review_before (act, {_COLUMNS})"
            f" SELECT ?, idx, coalesce(state, '{ReviewState.TODO}'), label, at, who"
            " FROM temp.chosen LEFT JOIN reviews USING (idx)",
            (act,),
        )

    def _end(self, act: int) -> int:
        (photos,) = self._db.execute("SELECT count(*) FROM temp.chosen").fetchone()
        self._db.execute("UPDATE review_acts SET photos = ? WHERE act = ?", (photos, act))
        return int(photos)

    def _read_spellings(self) -> None:
        """The classes, and the new ones that this job's reviews make: of each, the first spelling counts."""
        self._spellings = Spellings(self._names or ClassNames(()))
        if self._names is not None:
            said = "SELECT label FROM reviews WHERE label IS NOT NULL GROUP BY 1 ORDER BY min(at)"
            for (label,) in self._db.execute(said):
                self._spellings.settle(label)


def _skips(review: Review) -> list[Skip]:
    confirms = review.label is None and review.state is ReviewState.CONFIRMED
    return [skip for skip in _SKIPPED if skip in review.skip or (confirms and skip is Skip.FAILED)]
