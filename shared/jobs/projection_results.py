"""Reading a projection: pages of results, filters, counts, rows for exports; and what people say about them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

from shared.bank.class_names import ClassNames
from shared.core.errors import InvalidRequest, NotFound
from shared.jobs.model import Item
from shared.jobs.photo_fields import PART
from shared.jobs.projection_counts import ItemCounts
from shared.jobs.projection_reviews import Reviews
from shared.jobs.result_filters import (
    ANY_DEFECT,
    DEFECT,
    DEFECTIVE,
    JOINED,
    SAID,
    Filters,
    after,
    cursor_after,
    defects,
    held,
    order,
    reversed_sort,
    sort_value,
    where,
)
from shared.jobs.result_rows import shown_row
from shared.jobs.reviews import Review, ReviewAct, ReviewState
from shared.jobs.shown import ShownItem, ShownSummary
from shared.jobs.splitting import MOST, Cutout

_CORRECTED = f"CASE WHEN reviews.state = '{ReviewState.CORRECTED}' THEN {SAID} END"
_REVIEW = (
    f"{SAID} AS said, {_CORRECTED} AS corrected, reviews.state AS review, reviews.at AS reviewed_at,"
    " reviews.who AS reviewed_by"
)
_SELECT = f"SELECT items.*, {_REVIEW} FROM {JOINED}"


class Answer(NamedTuple):
    """What one run says of a photo, as far as it is compared with another."""

    #: Index in its job.
    item: int
    name: str
    sha256: str | None
    #: None: it failed.
    verdict: str | None
    label: str | None
    #: The class that a person gave it.
    said: str | None


class Results:
    """The results in a projection's database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self.reviews = Reviews(database)
        self.counts = ItemCounts(database)
        self._finds_similar: Callable[[int], Iterable[int]] | None = None
        self._liked: int | None = None

    def compare_by(self, finds_similar: Callable[[int], Iterable[int]]) -> Self:
        """From now on the filter `like` and the order `similar` mean the positions that this function gives for one,
        the most similar first."""
        self._finds_similar = finds_similar
        return self

    def understand(self, names: ClassNames) -> Self:
        """From now on reviews and filters are read as these classes, and unknown names are refused."""
        self.reviews.understand(names)
        return self

    def items(
        self,
        filters: Filters | None = None,
        sort: str = "index",
        cursor: str | None = None,
        limit: int = 100,
        lang: str | None = None,
    ) -> tuple[list[ShownItem], str | None]:
        """One page of outcomes, and where the next begins.

        Raises:
            InvalidRequest: an unknown sort or a damaged cursor.
        """
        conditions = self._conditions(filters)
        if cursor:
            conditions.append(after(sort, cursor))
        clause, values = where(conditions)
        select = f"SELECT items.*, {_REVIEW}, {sort_value(sort)} AS sorted FROM {JOINED}{clause}{order(sort)} LIMIT ?"
        rows = self._db.execute(select, [*values, limit + 1]).fetchall()
        page = [shown_row(r, lang) for r in rows[:limit]]
        if len(rows) <= limit:
            return page, None
        last = rows[limit - 1]
        return page, cursor_after(sort, last["sorted"], last["idx"])

    def positions(
        self, filters: Filters | None = None, sort: str = "index", start: int = 0, limit: int = 100
    ) -> list[int]:
        """The indexes of the chosen outcomes from the place `start` (0 is the first) on, in order; at most `limit`."""
        conditions = self._conditions(filters)
        if sort == "index" and not conditions:
            return self._in_order(start, limit)
        clause, values = where(conditions)
        sql = f"SELECT idx FROM {JOINED}{clause}{order(sort)} LIMIT ? OFFSET ?"
        return [row["idx"] for row in self._db.execute(sql, [*values, limit, start])]

    def whole(self) -> int:
        """So many outcomes from the job's first on are here without a gap, as far as they were looked at."""
        row = self._db.execute("SELECT value FROM state WHERE name = 'whole'").fetchone()
        return row["value"] if row else 0

    def _in_order(self, start: int, limit: int) -> list[int]:
        """As `positions` of everything, by index; rows without a gap need not be counted."""
        whole = self.whole()
        known = range(min(start, whole), min(start + limit, whole))
        if len(known) == limit:
            return list(known)
        sql = "SELECT idx FROM items WHERE idx >= ? ORDER BY idx LIMIT ? OFFSET ?"
        rows = self._db.execute(sql, (whole, limit - len(known), max(start - whole, 0)))
        return [*known, *(row["idx"] for row in rows)]

    def at(self, indexes: Sequence[int], lang: str | None = None) -> list[ShownItem]:
        """The outcomes of these indexes, in their order; those that have none are left out."""
        wanted = "[" + ",".join(map(str, indexes)) + "]"
        rows = self._db.execute(f"{_SELECT} WHERE idx IN (SELECT value FROM json_each(?))", (wanted,))
        found = {row["idx"]: shown_row(row, lang) for row in rows}
        return [found[index] for index in indexes if index in found]

    def facets(self) -> dict[str, dict[str, int]]:
        """How many photos there are of each `camera`, `taken` month (`2026-11`), colour `profile` and dominant
        `colour`, and of each defect (`quality`)."""
        found: dict[str, dict[str, int]] = {"camera": {}, "taken": {}, "profile": {}, "colour": {}}
        found["quality"] = self.defects()
        facts = (
            f"SELECT {held('camera')} AS camera, substr({held('taken')}, 1, 7) AS taken, {held('profile')} AS profile,"
            " count(*) AS n"
        )
        for row in self._db.execute(f"{facts} FROM items WHERE extra IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"):
            for name in ("camera", "taken", "profile"):
                if row[name]:
                    found[name][row[name]] = found[name].get(row[name], 0) + row["n"]
        colours = "SELECT json_extract(c.value, '$[3]') AS colour, count(*) AS n"
        listed = f"items, json_each({held('colours')}) AS c WHERE extra IS NOT NULL"
        for row in self._db.execute(f"{colours} FROM {listed} GROUP BY 1 ORDER BY n DESC, 1"):
            found["colour"][row["colour"]] = row["n"]
        found["taken"] = dict(sorted(found["taken"].items(), reverse=True))
        return found

    def defects(self) -> dict[str, int]:
        """How many photos should be taken again: `ANY_DEFECT`, then by code, the most frequent first; empty: none."""
        sql = f"SELECT {DEFECT} AS code, count(*) AS n FROM items, {defects()} WHERE {DEFECTIVE} GROUP BY 1"
        sql += " ORDER BY n DESC, 1"
        found: dict[str, int] = dict(self._db.execute(sql).fetchall())
        return {ANY_DEFECT: self.count(Filters(quality=ANY_DEFECT)), **found} if found else {}

    def item(self, index: int, lang: str | None = None) -> ShownItem:
        """Raises: NotFound while the item has no outcome."""
        row = self._db.execute(f"{_SELECT} WHERE idx = ?", (index,)).fetchone()
        if row is None:
            raise NotFound(what=f"item {index}")
        return shown_row(row, lang)

    def of_card(self, index: int, lang: str | None = None) -> list[ShownItem]:
        """All swatches with an outcome of the card that this one was cut out of, by index; empty: it is no swatch."""
        part = Cutout.shown(self.item(index))
        if part is None:
            return []
        # They stand beside each other.
        near = self.at(range(max(0, index - MOST), index + MOST + 1), lang)
        return [one for one in near if (its := Cutout.shown(one)) and (its.whole, its.card) == (part.whole, part.card)]

    def place(self, index: int, filters: Filters | None = None, sort: str = "index") -> tuple[int, str | None]:
        """How many of the chosen outcomes come before an item, and the cursor with which `items` begins at it.

        Raises:
            NotFound: the item has no outcome.
        """
        sql = f"SELECT {sort_value(sort)} AS sorted FROM {JOINED} WHERE idx = ?"
        row = self._db.execute(sql, (index,)).fetchone()
        if row is None:
            raise NotFound(what=f"item {index}")
        back = reversed_sort(sort)
        before, values = where([*self._conditions(filters), after(back, cursor_after(back, row["sorted"], index))])
        (count,) = self._db.execute(f"SELECT count(*) FROM {JOINED}{before}", values).fetchone()
        nearest = f"SELECT idx, {sort_value(sort)} AS sorted FROM {JOINED}{before}{order(back)} LIMIT 1"
        last = self._db.execute(nearest, values).fetchone()
        return count, last and cursor_after(sort, last["sorted"], last["idx"])

    def review(self, index: int, review: Review, who: str | None = None, lang: str | None = None) -> ShownItem:
        """Stores what a person says beside the prediction. Returns the item.

        Raises:
            NotFound: the item has no outcome.
            UnknownClass: the label means no class, and it is not said to be a `new_class`.
        """
        self.item(index)
        self.reviews.put(review, "SELECT idx FROM items WHERE idx = ?", [index], who)
        return self.item(index, lang)

    def review_many(
        self, chosen: Filters | Iterable[int], review: Review, who: str | None = None, preview: bool = False
    ) -> ReviewAct:
        """Reviews all outcomes that the filters let through, or those of these positions, in one act; positions without
        an outcome are left out. `preview`: only says what it would do. Raises UnknownClass."""
        if isinstance(chosen, Filters):
            clause, values = where(self._conditions(chosen))
            sql = f"SELECT idx FROM {JOINED}{clause}"
        else:
            values = ["[" + ",".join(str(int(index)) for index in chosen) + "]"]
            sql = "SELECT idx FROM items WHERE idx IN (SELECT value FROM json_each(?))"
        return self.reviews.preview(review, sql, values) if preview else self.reviews.put(review, sql, values, who)

    def summary(self) -> ShownSummary:
        """Counts for filters: final labels, verdicts, failure codes, reviews."""

        reviews = self.reviews.counts()
        return {
            "labels": self.counts.labels(),
            "verdicts": self.counts.verdicts(),
            "failures": self.counts.failures(),
            "corrected": reviews[ReviewState.CORRECTED],
            "reviews": reviews,
            "todo": self.counts.todo(),
        }

    def totals(self) -> dict[str, int]:
        """How many rows there are: `total`, `ok`, `cached`."""
        counts = "count(*) AS total, coalesce(sum(status = 'ok'), 0) AS ok, coalesce(sum(cached), 0) AS cached"
        return dict(self._db.execute(f"SELECT {counts} FROM items").fetchone())

    def rows(self, lang: str | None = None, filters: Filters | None = None, sort: str = "index") -> Iterator[ShownItem]:
        """Every outcome that the filters let through, one by one, for exports."""
        clause, values = where(self._conditions(filters))
        for row in self._db.execute(f"{_SELECT}{clause}{order(sort)}", values):
            yield shown_row(row, lang)

    def references(self) -> Iterator[Item]:
        """Every outcome's photo, by index, as far as its result knows it: not its path."""
        for row in self._db.execute(f"SELECT idx, name, sha256, {held(PART.name)} AS part FROM items ORDER BY idx"):
            part = Cutout.from_json(json.loads(row["part"])) if row["part"] else None
            yield Item(row["idx"], row["name"], sha256=row["sha256"], part=part)

    def outcomes(self, again: Collection[str]) -> Iterator[tuple[int, str | None, bool]]:
        """Index of every outcome, SHA-256 of its file (of a swatch: of its card), and whether it failed with one of the
        codes `again`."""
        whole = f"json_extract({held(PART.name)}, '$[0]')"
        for row in self._db.execute(f"SELECT idx, coalesce({whole}, sha256) AS sha256, code FROM items"):
            yield row["idx"], row["sha256"], row["code"] in again

    def certainties(self) -> Iterator[tuple[str | None, str, float]]:
        """Best class, verdict and confidence of every photo with a result."""
        sql = "SELECT label, verdict, confidence FROM items WHERE status = 'ok' AND confidence IS NOT NULL"
        for row in self._db.execute(sql):
            yield self.reviews.class_of(row["label"]), row["verdict"], row["confidence"]

    def answers(self) -> Iterator[Answer]:
        """What two runs are compared by, of every outcome by index; labels are the classes that they mean now."""
        chosen = f"SELECT idx, name, sha256, verdict, items.label AS label, {SAID} AS said FROM {JOINED} ORDER BY idx"
        meant: dict[str | None, str | None] = {}
        for row in self._db.execute(chosen):
            label = row["label"]
            if label not in meant:
                meant[label] = self.reviews.class_of(label)
            yield Answer(row["idx"], row["name"], row["sha256"], row["verdict"], meant[label], row["said"])

    def count(self, filters: Filters) -> int:
        """How many outcomes the filters let through."""
        if not filters:
            return self.counts.total()
        clause, values = where(self._conditions(filters))
        return int(self._db.execute(f"SELECT count(*) FROM {JOINED}{clause}", values).fetchone()[0])

    def vectors(self, indexes: Iterable[int]) -> dict[int, bytes]:
        """Embeddings as float16 bytes, by item index."""
        found = (self._db.execute("SELECT idx, vector FROM vectors WHERE idx = ?", (i,)).fetchone() for i in indexes)
        return {row["idx"]: row["vector"] for row in found if row}

    def corrections(self) -> list[ShownItem]:
        """Corrected items, newest first."""
        chosen = f"{_SELECT} WHERE reviews.state = '{ReviewState.CORRECTED}' ORDER BY reviews.at DESC"
        return [shown_row(r, None) for r in self._db.execute(chosen)]

    def _conditions(self, filters: Filters | None) -> list[tuple[str, list[Any]]]:
        filters = filters or Filters()
        if filters.like is not None:
            self._like(filters.like)
        return filters.conditions(self.reviews.class_of)

    def _like(self, index: int) -> None:
        """Fills the table that the filter `like` and the order `similar` read."""
        if self._liked == index:
            return
        if self._finds_similar is None:
            raise InvalidRequest(reason=f"like={index}")
        found = list(self._finds_similar(index))
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS liked (idx INTEGER PRIMARY KEY, place INTEGER)")
        self._db.execute("DELETE FROM temp.liked")
        self._db.executemany("INSERT OR IGNORE INTO temp.liked VALUES (?, ?)", [(i, n) for n, i in enumerate(found)])
        self._liked = index
