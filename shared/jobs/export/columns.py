"""The columns of the table formats, and one result as a row of them.

They are a contract: a released column keeps its name, its meaning and its place, and new ones follow all others
(`tests/unit/test_export_columns.py` holds them, docs/exports.md describes them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from shared.core.engine_names import HASH_ENGINES
from shared.jobs import fields, photo_fields
from shared.jobs.export.source import BankFacts
from shared.jobs.field_model import Column, Kind
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem

#: Columns of the first release; one that came later stands behind those of all results' fields.
_FIRST, _LATER, _LATEST = 100, 10_000, 20_000
#: The full-width forms count in Chinese and Japanese editions.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def moment(seconds: float | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None


def trained(job: Job, facts: BankFacts) -> bool | None:
    """Whether a trained model made the answers; None where nobody knows any more."""
    return False if job.engine in HASH_ENGINES else facts.trained


@dataclass(frozen=True, slots=True)
class _OfJob:
    """The same in every row."""

    column: Column
    meaning: str
    read: Callable[[Job, BankFacts], Any]


@dataclass(frozen=True, slots=True)
class _OfResult:
    """Made of a result and of what the bank says."""

    column: Column
    meaning: str
    read: Callable[[ShownItem, BankFacts], Any]


def _name(field: str, place: int) -> Callable[[ShownItem, BankFacts], str | None]:
    def read(row: ShownItem, facts: BankFacts) -> str | None:
        label: str | None = row[field]  # type: ignore[literal-required]
        names = facts.names.get(label) if label else None
        return (names[place] or None) if names else None

    return read


def _evidence(row: ShownItem, facts: BankFacts) -> str | None:
    sample = row["candidates"][0]["sample"] if row["candidates"] else None
    return facts.samples.get(sample, sample) if sample else None


_OF_JOB = (
    _OfJob(Column("model", place=_FIRST), "Model; the engine where no model is behind it", lambda j, f: j.answered_by),
    _OfJob(Column("bank", place=_FIRST), "Version of the bank", lambda j, f: j.bank),
    _OfJob(Column("preset", place=_FIRST), "Preset", lambda j, f: j.preset),
    _OfJob(Column("owner", place=_LATER), "Who submitted the job", lambda j, f: j.owner or ""),
)
_OF_RESULT = (
    _OfResult(Column("label_zh", width=22, place=_LATEST), "Chinese name of `label`", _name("label", 0)),
    _OfResult(Column("label_en", width=22, place=_LATEST), "English name of `label`", _name("label", 1)),
    _OfResult(
        Column("final_label_zh", width=22, place=_LATEST), "Chinese name of `final_label`", _name("final_label", 0)
    ),
    _OfResult(
        Column("final_label_en", width=22, place=_LATEST), "English name of `final_label`", _name("final_label", 1)
    ),
    _OfResult(
        Column("evidence", width=36, place=_LATEST),
        "The bank's photo that spoke most for `class_1`: its path in the folder that it came from, or else its id",
        _evidence,
    ),
)
_LATER_OF_JOB = (
    _OfJob(
        Column("engine", place=_LATEST),
        "What computed the vectors: `openvino`, `torch`; `null` and `sleep` have no model behind them",
        lambda j, f: j.engine,
    ),
    _OfJob(
        Column("precision", place=_LATEST),
        "Precision of the vectors: `f32`, `bf16`, `int8`…; of several workers joined by ` + `",
        lambda j, f: j.precision,
    ),
    _OfJob(
        Column("trained", Kind.FLAG, place=_LATEST),
        "False: no trained model is behind the answers, and they mean nothing",
        trained,
    ),
    _OfJob(
        Column("calibrated", Kind.FLAG, place=_LATEST),
        "Whether `confidence` was calibrated on the bank's own photos; otherwise it is a mere order",
        lambda j, f: bool(f.calibrated) if trained(j, f) is not None else None,
    ),
    _OfJob(Column("bank_id", place=_LATEST), "Id of the bank that `bank` is a version of", lambda j, f: j.bank_id),
    _OfJob(Column("bank_name", place=_LATEST), "Name of the bank; empty: the default one", lambda j, f: f.name or None),
    _OfJob(Column("job_id", place=_LATEST), "Id of the job", lambda j, f: j.id),
    _OfJob(Column("job_name", width=22, place=_LATEST), "Name of the job", lambda j, f: j.name),
    _OfJob(Column("job_created", Kind.TIME, width=22, place=_LATEST), "When it was submitted", lambda j, f: j.created),
    _OfJob(
        Column("job_finished", Kind.TIME, width=22, place=_LATEST), "When its last result came", lambda j, f: j.finished
    ),
    _OfJob(Column("weft_version", place=_LATEST), "Version of Weft that wrote the file", lambda j, f: version("weft")),
    _OfJob(
        Column("views", place=photo_fields.AT_THE_END),
        "Views of each photo whose vectors were averaged, as in `WEFT_VIEWS`: `1`, `5`, `6`, `turns`",
        lambda j, f: f.views,
    ),
)
_JOBS = (*_OF_JOB, *_LATER_OF_JOB)


@dataclass(frozen=True, slots=True)
class Described:
    """A column with what it says."""

    column: Column
    meaning: str
    #: Key of its value in a result's JSON; None where it is not made of that alone.
    field: str | None = None
    of_result: _OfResult | None = None
    of_job: _OfJob | None = None


DESCRIBED = tuple(
    sorted(
        (
            *(Described(column, field.meaning, field=field.name) for field, column in fields.COLUMNS),
            *(Described(entry.column, entry.meaning, of_job=entry) for entry in _OF_JOB),
            *(Described(entry.column, entry.meaning, of_result=entry) for entry in _OF_RESULT),
            *(Described(entry.column, entry.meaning, of_job=entry) for entry in _LATER_OF_JOB),
        ),
        key=lambda one: one.column.place,
    )
)
COLUMNS = tuple(one.column for one in DESCRIBED)
NAMES = tuple(column.name for column in COLUMNS)


class Cells:
    """Results of one job as rows of `COLUMNS`; times as `Kind.TIME` holds them: seconds since the epoch."""

    def __init__(self, job: Job, facts: BankFacts) -> None:
        self._facts = facts
        self._constant = [one.of_job.read(job, facts) if one.of_job else None for one in DESCRIBED]
        self._fields = [(at, one.column.cell, one.field) for at, one in enumerate(DESCRIBED) if one.field]
        self._made = [(at, one.of_result.read) for at, one in enumerate(DESCRIBED) if one.of_result]

    def of(self, row: ShownItem) -> list[Any]:
        """The values of `COLUMNS` for one of `Projection.rows`."""
        found = self._constant.copy()
        for at, cell, key in self._fields:
            found[at] = cell(row[key])  # type: ignore[literal-required]
        for at, read in self._made:
            found[at] = read(row, self._facts)
        return found


def about(job: Job, facts: BankFacts) -> dict[str, Any]:
    """What every row says of the job, by column; times as text."""
    said = {entry.column.name: (entry.column.kind, entry.read(job, facts)) for entry in _JOBS}
    return {name: moment(value) if kind is Kind.TIME else value for name, (kind, value) in said.items()}


def names_of(row: ShownItem, facts: BankFacts) -> dict[str, Any]:
    """What the bank says of one result, by column."""
    return {entry.column.name: entry.read(row, facts) for entry in _OF_RESULT}


#: Places of columns that hold times, for formats without a type for them.
TIMES = tuple(at for at, column in enumerate(COLUMNS) if column.kind is Kind.TIME)


def as_text(cells: list[Any]) -> list[Any]:
    """The same cells with times as text; changes the list."""
    for at in TIMES:
        cells[at] = moment(cells[at])
    return cells


def harmless(value: Any) -> Any:
    """A file name that starts like a formula would be run by a spreadsheet (OWASP, CSV injection)."""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value
