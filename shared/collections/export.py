"""The latest results of a whole collection as a file: a row for each of its files, from the job that has its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from shared.collections.results import CollectionResults, FileResult, as_json
from shared.core import json_lines
from shared.core.errors import InvalidRequest
from shared.core.i18n import N_, gettext
from shared.jobs import export
from shared.jobs.export.columnar import parquet_pieces
from shared.jobs.export.columns import COLUMNS, moment
from shared.jobs.export.headings import Words
from shared.jobs.export.text import csv_pieces
from shared.jobs.export.workbook import Counts, as_record, book_pieces, unique
from shared.jobs.field_model import Column, Kind

#: Columns before those of a job's export, and what people call them.
OWN = (
    Column("path", width=60),
    Column("job", width=13),
    Column("first_seen", Kind.TIME, width=22),
    Column("truth", width=22),
)
HEADINGS = (N_("File"), N_("Job id"), N_("First seen"), N_("Class by its folder"))
_ALL = (*OWN, *COLUMNS)
MEDIA_TYPES = {name: export.MEDIA_TYPES[name] for name in export.TABLES}


def require(format: str) -> None:
    """Raises InvalidRequest (`unknown_format`), Conflict (`format_not_installed`)."""
    if format not in MEDIA_TYPES:
        raise InvalidRequest("unknown_format", format=format, choices=", ".join(MEDIA_TYPES))
    export.require(format)


def stream(results: CollectionResults, format: str, lang: str | None = None, worded: bool = False) -> Iterator[bytes]:
    """Every file that is there with its latest result. `worded`: CSV and XLSX speak to people in `lang`.

    Raises as `require` does.
    """
    require(format)
    words = Words(lang, {}) if worded else None
    writers: dict[str, Callable[[], Iterator[bytes]]] = {
        "csv": lambda: csv_pieces(_headings(words, lang), (_text(results, file, words) for file in results.all(lang))),
        "jsonl": lambda: _lines(results, lang),
        "parquet": lambda: parquet_pieces(_ALL, (_values(results, file) for file in results.all(lang))),
        "xlsx": lambda: _book(results, words, lang),
    }
    return writers[format]()


def _headings(words: Words | None, lang: str | None) -> list[str]:
    if words is None:
        return [column.name for column in _ALL]
    return [*(gettext(heading, lang) for heading in HEADINGS), *words.headings()]


def _values(results: CollectionResults, file: FileResult) -> list[Any]:
    return [file.shown_path, file.job, file.first_seen, file.truth, *results.cells(file)]


def _text(results: CollectionResults, file: FileResult, words: Words | None) -> list[Any]:
    cells = results.text_cells(file)
    return [
        *(file.shown_path, file.job, moment(file.first_seen), file.truth),
        *(words.row(cells) if words else cells),
    ]


def _lines(results: CollectionResults, lang: str | None) -> Iterator[bytes]:
    for file in results.all(lang):
        yield json_lines.dump([{**as_json(results, file), **results.told(file)}]).encode()


def _book(results: CollectionResults, words: Words | None, lang: str | None) -> Iterator[bytes]:
    headings = unique(_headings(words, lang))
    counts = Counts([(gettext(N_("Collection"), lang), results.collection.name)], words, lang)

    def records() -> Iterator[dict[str, Any]]:
        for file in results.all(lang):
            if file.result:
                counts.add(file.result)
            yield as_record(headings, _text(results, file, words))

    widths = {head: float(column.width) for head, column in zip(headings, _ALL, strict=True)}
    return book_pieces(records(), results.present, widths, counts, frozen=1)
