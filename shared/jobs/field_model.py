"""What a field of a result is made of. The fields themselves are declared in `fields.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: A result's stored values by column name, in their plain JSON form.
Values = Mapping[str, Any]


class Kind(StrEnum):
    """The type of an export column: Parquet's, and what a spreadsheet shows."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    #: Seconds since the epoch; a time in UTC where a format has such a type, else ISO 8601.
    TIME = "time"


class Part(StrEnum):
    """Which part of a result's row in the ledger holds a value."""

    RESULT = "result"
    #: Inside the row, null where there is no ranking.
    RANKING = "ranking"
    #: Derived, so not in the ledger.
    NONE = "none"


def same(value: Any) -> Any:
    """The value itself."""
    return value


@dataclass(frozen=True, slots=True)
class Stored:
    """A value that ledger and projection hold."""

    #: Column of `items` in the projection.
    column: str
    #: Its type and constraints there. A new column also needs a step in `projection_schema.py`.
    sql: str
    #: Attribute of `ItemResult`, or of its `Ranking`.
    attribute: str
    part: Part = Part.RESULT
    #: To the plain JSON form, and back.
    pack: Callable[[Any], Any] = same
    unpack: Callable[[Any], Any] = same
    #: The value of a result without ranking, or of a row that lacks the column. A list or object is JSON text in SQL.
    empty: Any = None

    @property
    def json_text(self) -> bool:
        """Whether SQL holds JSON text."""
        return self.empty is not None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of CSV, XLSX and Parquet."""

    name: str
    kind: Kind = Kind.TEXT
    #: The cell, from the field's JSON value.
    cell: Callable[[Any], Any] = same
    #: Width in a spreadsheet, in characters.
    width: int = 13
    #: Columns are sorted by it. Released columns keep their place; those of new fields follow all others.
    place: int = 1000


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a result, in every form that it has."""

    #: Key in JSON.
    name: str
    #: Type in JSON, as pydantic and OpenAPI take it.
    json: Any
    #: What it says; for the docs.
    meaning: str
    #: Heading on pages (`N_("…")`), which do not show a field with a `version` and without this; they have their own
    #: layout for the others.
    label: str = ""
    stored: tuple[Stored, ...] = ()
    #: The JSON value from the stored ones and the language; None: the stored value as it is.
    show: Callable[[Values, str | None], Any] | None = None
    columns: tuple[Column, ...] = ()
    #: False: ledger and projection hold it for their own use.
    public: bool = True
    #: Stored in `extra` under `key`, 0: in columns of its own. Raised when what it means or how it is computed changes:
    #: values of another version are not shown, and cached ones are computed again.
    version: int = 0
    #: Computed from the pixels (`shared/pipeline/pixel_fields.py`) and kept with the cached vector.
    from_pixels: bool = False
    #: The fact of this name that the decoder read in the file (`shared.photos.photo_facts.PhotoFacts`); kept likewise.
    from_file: bool = False
    #: With a version: the JSON value from the one that `extra` holds, and the language. None: as it is held.
    render: Callable[[Any, str | None], Any] | None = None
    #: On pages: one of the photo's details, which are folded away.
    folded: bool = False
    #: As text on pages, from the JSON value.
    text: Callable[[Any], str] = field(default=str)

    @property
    def key(self) -> str:
        """Name and version, under which `extra` holds it."""
        return f"{self.name}/{self.version}"

    def value(self, values: Values, lang: str | None = None) -> Any:
        """The JSON value."""
        if self.version:
            held = values["extra"].get(self.key)
            return held if held is None or self.render is None else self.render(held, lang)
        if self.show:
            return self.show(values, lang)
        return values[self.stored[0].column] if self.stored else values.get(self.name)


def entry(key: str | int) -> Callable[[Any], Any]:
    """The cell of one entry of an object or a list; an empty one where there is no value."""
    return lambda found: found and found[key]


def numbered(count: int, *columns: Column) -> tuple[Column, ...]:
    """Columns `{name}_1` to `{name}_{count}` for the first entries of a list; `cell` takes an entry."""

    def nth(column: Column, index: int) -> Callable[[Any], Any]:
        return lambda entries: column.cell(entries[index]) if entries and index < len(entries) else None

    return tuple(
        Column(f"{c.name}_{i + 1}", c.kind, nth(c, i), c.width, c.place) for i in range(count) for c in columns
    )
