"""The columns of the table formats, and one result as a row of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.jobs import fields
from shared.jobs.field_model import Column
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem

#: What every format says of the job beside each result.
ABOUT: dict[str, Callable[[Job], str]] = {
    "model": lambda job: job.answered_by,
    "bank": lambda job: job.bank,
    "preset": lambda job: job.preset,
    "owner": lambda job: job.owner or "",
}
#: The place of these columns: behind those of the first release, before those of later fields; one that is itself
#: later comes last.
_ABOUT_PLACE = 100
_LATER = {"owner": 10_000}
#: The full-width forms count in Chinese and Japanese editions.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class _Source:
    """A column, and the key of its value in a result's JSON or in `ABOUT`."""

    column: Column
    key: str


_SOURCES = sorted(
    (
        *(_Source(column, field.name) for field, column in fields.COLUMNS),
        *(_Source(Column(name, place=_LATER.get(name, _ABOUT_PLACE)), name) for name in ABOUT),
    ),
    key=lambda source: source.column.place,
)
COLUMNS = tuple(source.column for source in _SOURCES)
NAMES = tuple(column.name for column in COLUMNS)


def cells(job: Job, row: ShownItem) -> list[Any]:
    """The values of `COLUMNS` for one of `Projection.rows`."""
    values = {**row, **about(job)}
    return [source.column.cell(values[source.key]) for source in _SOURCES]


def about(job: Job) -> dict[str, str]:
    """Model, bank, preset and owner by name."""
    return {name: read(job) for name, read in ABOUT.items()}


def harmless(value: Any) -> Any:
    """A file name that starts like a formula would be run by a spreadsheet (OWASP, CSV injection)."""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value
