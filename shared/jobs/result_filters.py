"""Which outcomes of a job are meant: the same filters for a page of items and for an export."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from shared.core.errors import InvalidRequest

SORTS = ("index", "confidence")
_ORDER = {"index": "idx", "confidence": "coalesce(confidence, 2), idx"}
#: What a correction means now: stored words are resolved to a class whenever they are read.
CORRECTED = "CASE WHEN corrections.label IS NOT NULL THEN class_of(corrections.label) END"
FINAL_LABEL = f"coalesce({CORRECTED}, items.label)"


@dataclass(frozen=True, slots=True)
class Filters:
    """Every field that is set narrows the choice. `label` is the corrected one where there is one, by any name."""

    status: str | None = None
    label: str | None = None
    verdict: str | None = None
    max_confidence: float | None = None
    code: str | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def conditions(self, class_of: Callable[[str], str]) -> list[tuple[str, list[Any]]]:
        """SQL conditions with their values."""
        wanted = (
            ("items.status = ?", self.status),
            (f"{FINAL_LABEL} = ?", class_of(self.label) if self.label else None),
            ("items.verdict = ?", self.verdict),
            ("items.code = ?", self.code),
            ("items.confidence <= ?", self.max_confidence),
        )
        return [(condition, [value]) for condition, value in wanted if value is not None and value != ""]


def query(conditions: list[tuple[str, list[Any]]], sort: str) -> tuple[str, list[Any]]:
    """`WHERE … ORDER BY …` and its values. Raises InvalidRequest for an unknown sort."""
    if sort not in SORTS:
        raise InvalidRequest(reason=f"sort={sort}")
    where = " WHERE " + " AND ".join(condition for condition, _ in conditions) if conditions else ""
    return f"{where} ORDER BY {_ORDER[sort]}", [value for _, values in conditions for value in values]


def after(sort: str, cursor: str) -> tuple[str, list[Any]]:
    """The condition of what comes behind a page's `cursor`. Raises InvalidRequest for a damaged one."""
    try:
        confidence, index = (0.0, cursor) if sort == "index" else json.loads(cursor)
        confidence, index = float(confidence), int(index)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidRequest(reason="cursor") from None
    # SQLite knows no larger integer, and no infinite number either.
    if not (0 <= index < 2**63 and math.isfinite(confidence)):
        raise InvalidRequest(reason="cursor")
    if sort == "index":
        return "idx > ?", [index]
    return "(coalesce(items.confidence, 2), idx) > (?, ?)", [confidence, index]
