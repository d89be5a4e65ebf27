"""One outcome in the three forms it has: a worker's result, a row of the projection, and what people are shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from shared.jobs.field_model import Field, Part, Stored, Values, same
from shared.jobs.fields import PUBLIC, STORED, from_sql, to_sql
from shared.jobs.model import ItemResult
from shared.jobs.shown import ShownItem

#: What the projection joins to a row of `items`.
REVIEW_COLUMNS = ("corrected", "review", "said", "reviewed_at", "reviewed_by")
#: JSON Lines hold plain values first: the order of the first release.
_ROW_ORDER = sorted(PUBLIC, key=lambda f: bool(f.show or f.version))

# A row of the projection, prepared: the dispatcher writes one for every photo.
_OF_RESULT = [s for s in STORED if s.part is not Part.RANKING]
_OF_RANKING = [s for s in STORED if s.part is Part.RANKING]
_OWN = attrgetter(*(s.attribute for s in _OF_RESULT))
_RANKED = attrgetter(*(s.attribute for s in _OF_RANKING))
_UNRANKED = tuple(to_sql(s, s.empty) for s in _OF_RANKING)
#: For each column: whether the ranking holds its value, and at which place.
_PLACES = [(True, _OF_RANKING.index(s)) if s.part is Part.RANKING else (False, _OF_RESULT.index(s)) for s in STORED]
#: Columns that are packed, by their place.
_PACKED = [(n, s) for n, s in enumerate(STORED) if s.json_text or s.pack is not same]


def public(result: ItemResult, lang: str | None = None) -> ShownItem:
    """One outcome as API and command line show it."""
    values = {stored.column: _plain(stored, result) for stored in STORED}
    return _shown(PUBLIC, values, lang)


def columns(result: ItemResult) -> tuple[Any, ...]:
    """The values of a row in the projection, in the order of `STORED`."""
    ranking = result.ranking
    own, ranked = _OWN(result), _RANKED(ranking) if ranking is not None else _UNRANKED
    found = [ranked[place] if of_ranking else own[place] for of_ranking, place in _PLACES]
    for n, stored in _PACKED:
        if ranking is not None or stored.part is not Part.RANKING:
            found[n] = to_sql(stored, stored.pack(found[n]))
    return tuple(found)


def shown_row(row: sqlite3.Row, lang: str | None) -> ShownItem:
    """A row of the projection, with its review, as API and exports show it."""
    values: Values = {stored.column: from_sql(stored, row[stored.column]) for stored in STORED}
    values = {**values, **{name: row[name] for name in REVIEW_COLUMNS}}
    return _shown(_ROW_ORDER, values, lang)


def _shown(fields: Sequence[Field], values: Values, lang: str | None) -> ShownItem:
    found: Any = {f.name: f.value(values, lang) for f in fields}
    return found  # type: ignore[no-any-return]


def _plain(stored: Stored, result: ItemResult) -> Any:
    owner = result.ranking if stored.part is Part.RANKING else result
    return stored.empty if owner is None else stored.pack(getattr(owner, stored.attribute))
