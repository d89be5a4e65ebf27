"""Which outcomes of a job are meant: the same filters for a page of items, an export and an act of review."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from shared.core.errors import InvalidRequest
from shared.jobs.reviews import ReviewState

#: Name of an order → what is sorted by; each is followed by the position in the job.
_ORDER = {
    "index": "idx",
    "confidence": "coalesce(items.confidence, 2)",
    "margin": "coalesce(items.margin, 2)",
    "name": "items.name",
    "label": "coalesce(items.label, '')",
    # Only with the filter `like`, which fills the table.
    "similar": "(SELECT place FROM temp.liked WHERE liked.idx = items.idx)",
}
#: A minus before the name turns an order round.
Sort = Literal[
    "index", "-index", "confidence", "-confidence", "margin", "-margin", "name", "-name", "label", "-label", "similar"
]
SORTS: tuple[Sort, ...] = get_args(Sort)
#: What a review means now: stored words are resolved to a class whenever they are read.
SAID = "class_of(reviews.label)"
FINAL_LABEL = (
    f"CASE WHEN reviews.state = '{ReviewState.REJECTED}' THEN NULL"
    f" WHEN reviews.label IS NOT NULL THEN {SAID} ELSE items.label END"
)
#: As the field `final_label`: without a review, only a definite result has one.
DEFINITE = (
    f"CASE WHEN reviews.state = '{ReviewState.REJECTED}' THEN NULL WHEN reviews.label IS NOT NULL THEN {SAID}"
    " WHEN items.verdict = 'label' THEN items.label END"
)
JOINED = "items LEFT JOIN reviews USING (idx)"
_STATE = f"coalesce(reviews.state, '{ReviewState.TODO}')"
#: `review` of a filter that means every state but `todo`.
REVIEWED = "reviewed"
#: Whether a photo has any defect: the condition of the index `items_quality`.
DEFECTIVE = """json_array_length(items.extra, '$."quality/1"') > 0"""
#: Code of a row of `defects`.
DEFECT = "json_extract(defect.value, '$[0]')"
#: `quality` of a filter that means every defect.
ANY_DEFECT = "any"
#: Positions that may be chosen one by one.
MOST_ITEMS = 1_000_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Every field that is set narrows the choice. `label` is a person's where there is one, by any name."""

    status: str | None = None
    label: str | None = None
    verdict: str | None = None
    max_confidence: float | None = None
    code: str | None = None
    min_confidence: float | None = None
    #: A `ReviewState`, or `REVIEWED`.
    review: str | None = None
    #: Part of the file's name.
    search: str | None = None
    camera: str | None = None
    #: English name of one of the dominant colours.
    colour: str | None = None
    #: Beginning of the time the photo was taken, e.g. `2026-11`.
    taken: str | None = None
    profile: str | None = None
    #: Why the photo should be taken again, a code of `photo_gate.CODES`; or `ANY_DEFECT`.
    quality: str | None = None
    #: Positions in the job, as runs: `0-99,120`.
    items: str | None = None
    #: Position of a photo: only those that look most like it.
    like: int | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def conditions(self, class_of: Callable[[str], str | None]) -> list[tuple[str, list[Any]]]:
        """SQL conditions with their values."""
        reviewed = self.review == REVIEWED
        wanted = (
            ("items.status = ?", self.status),
            (f"{FINAL_LABEL} = ?", class_of(self.label) if self.label else None),
            ("items.verdict = ?", self.verdict),
            ("items.code = ?", self.code),
            ("items.confidence <= ?", self.max_confidence),
            ("items.confidence >= ?", self.min_confidence),
            (f"{_STATE} = ?", None if reviewed else self.review),
            (f"{_STATE} != ?", ReviewState.TODO if reviewed else None),
            ("instr(lower(items.name), lower(?))", self.search),
            (f"{held('camera')} = ?", self.camera),
            (
                f"EXISTS (SELECT 1 FROM json_each({held('colours')}) AS c WHERE json_extract(c.value, '$[3]') = ?)",
                self.colour,
            ),
            (f"instr({held('taken')}, ?) = 1", self.taken),
            (f"{held('profile')} = ?", self.profile),
            (f"{DEFECTIVE} AND EXISTS (SELECT 1 FROM {defects()} WHERE ? IN ('{ANY_DEFECT}', {DEFECT}))", self.quality),
            ("idx IN (SELECT value FROM json_each(?))", json.dumps(indexes_of(self.items)) if self.items else None),
            ("idx IN (SELECT idx FROM temp.liked WHERE ? >= 0)", self.like),
        )
        return [(condition, [value]) for condition, value in wanted if value is not None and value != ""]


def indexes_of(runs: str) -> list[int]:
    """The positions in runs such as `0-99,120`. Raises InvalidRequest for anything else, or more than `MOST_ITEMS`."""
    found: list[int] = []
    for run in runs.split(","):
        first, _, last = run.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()) or max(len(first), len(last)) > 10:
            raise InvalidRequest(reason=f"items={run[:40]}")
        start, end = int(first), int(last or first)
        if end - start >= MOST_ITEMS - len(found):
            raise InvalidRequest(reason=f"items: more than {MOST_ITEMS:,}")
        found.extend(range(start, end + 1))
    return found


def held(name: str) -> str:
    """The value of a field of `fields.EXTRA`, in its first version."""
    return f"json_extract(items.extra, '$.\"{name}/1\"')"


def defects() -> str:
    """The defects of a photo as a table, of which `DEFECT` is the code."""
    return f"json_each(CASE WHEN {DEFECTIVE} THEN {held('quality')} ELSE '[]' END) AS defect"


def where(conditions: list[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    """` WHERE …` and its values; empty without conditions."""
    clause = " WHERE " + " AND ".join(condition for condition, _ in conditions) if conditions else ""
    return clause, [value for _, values in conditions for value in values]


def order(sort: str) -> str:
    """` ORDER BY …`. Raises InvalidRequest for an unknown sort."""
    key, down = _key(sort)
    direction = " DESC" if down else ""
    return f" ORDER BY {key}{direction}, idx{direction}" if key != "idx" else f" ORDER BY idx{direction}"


def cursor_after(sort: str, value: Any, index: int) -> str:
    """The cursor of what comes behind an item; `value` is that of `sort_value`."""
    return str(index) if sort == "index" else json.dumps([value, index], ensure_ascii=False)


def reversed_sort(sort: str) -> str:
    """The same order from its other end."""
    return sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"


def sort_value(sort: str) -> str:
    """SQL for what is sorted by."""
    return _key(sort)[0]


def after(sort: str, cursor: str) -> tuple[str, list[Any]]:
    """The condition of what comes behind a page's `cursor`. Raises InvalidRequest for a damaged one."""
    key, down = _key(sort)
    try:
        value, index = (int(cursor), cursor) if sort == "index" else json.loads(cursor)
        index = int(index)
        if key == "idx":
            value = index
        elif key not in (_ORDER["name"], _ORDER["label"]):
            value = float(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidRequest(reason="cursor") from None
    # SQLite knows no larger integer, and no infinite number either.
    number = isinstance(value, int | float)
    if not 0 <= index < 2**63 or (number and not math.isfinite(value)) or not (number or isinstance(value, str)):
        raise InvalidRequest(reason="cursor")
    return f"({key}, idx) {'<' if down else '>'} (?, ?)", [value, index]


def _key(sort: str) -> tuple[str, bool]:
    if sort.removeprefix("-") not in _ORDER:
        raise InvalidRequest(reason=f"sort={sort}")
    return _ORDER[sort.removeprefix("-")], sort.startswith("-")
