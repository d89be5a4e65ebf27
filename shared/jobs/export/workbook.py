"""XLSX: the results, a further sheet where Excel's rows end, and a summary; with pictures on request.

rustpy-xlsxwriter writes rows as they come, in a fraction of the time of openpyxl or XlsxWriter (docs/benchmarks.md).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from shared.core.i18n import N_, gettext
from shared.jobs.export.columns import COLUMNS, NAMES, Cells, about, as_text
from shared.jobs.export.headings import HEADINGS, VALUES, Words
from shared.jobs.export.pieces import pieces
from shared.jobs.export.source import Source
from shared.jobs.shown import ShownItem

#: Results on one sheet; Excel takes 1,048,576 rows.
SHEET_ROWS, _EXCEL_ROWS = 1_000_000, 1_048_000
#: Photos that are shown as pictures, the first of the sheet, and how high their rows are, in points.
PICTURES, _PICTURE_POINTS = 2_000, 66
#: Characters of a cell at most.
_CELL = 32_000
#: Lines of the summary that `about` says.
_ABOUT = ("job_name", "job_id", "job_created", "job_finished", "model", "engine", "precision", "preset", "bank_name")
_ABOUT_LAST = ("bank", "weft_version")


def as_xlsx(source: Source) -> Iterator[bytes]:
    """Written to disk row by row, then read back in pieces."""
    headings = unique(source.words.headings() if source.words else NAMES)
    picture = gettext(N_("Thumbnail"), source.lang) if source.picture else None
    first, images = _pictures(source) if source.picture else ([], [])
    counts = _counts(source)
    widths = {head: float(column.width) for head, column in zip(headings, COLUMNS, strict=True)}
    more: dict[str, Any] = {}
    if picture:
        more = {"images": images, "row_heights": {n + 1: float(_PICTURE_POINTS) for n in range(len(first))}}
        widths = {picture: 14.0, **widths}
    records = _records(source, chain(first, source.rows), headings, picture, counts)
    return book_pieces(records, source.count, widths, counts, 3 if picture else 2, more)


def book_pieces(
    records: Iterator[dict[str, Any]],
    count: int,
    widths: dict[str, float],
    counts: Counts,
    frozen: int,
    first_sheet: dict[str, Any] | None = None,
) -> Iterator[bytes]:
    """A workbook of `count` records (heading → value, `widths` has all headings) and the sheet of their counts.

    `frozen`: columns that stay in sight. `first_sheet`: further arguments of the first sheet.
    """
    from rustpy_xlsxwriter import FastExcel

    sheets = max(1, -(-count // SHEET_ROWS))
    # The writer opens its file by name.
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        book = FastExcel(file.name).format(bold_headers=True)
        for number in range(sheets):
            title = "Weft" if number == 0 else f"Weft {number + 1}"
            most = SHEET_ROWS if number < sheets - 1 else _EXCEL_ROWS
            more = (first_sheet or {}) if number == 0 else {}
            # The headings are those of the first row.
            part = _never_none(islice(records, most), dict.fromkeys(widths))
            book.sheet(title, part, autofilter=True, column_widths=widths, **more)
            book.freeze(row=1, col=frozen, sheet=title)
        title = gettext(N_("Summary"), counts.lang)
        book.sheet(title, counts.lines(), column_widths=[44.0, 44.0])
        book.save()
        with open(file.name, "rb") as made:
            yield from pieces(made)


def _never_none(records: Iterator[dict[str, Any]], empty: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The records, or else the empty one."""
    yield next(records, empty)
    yield from records


def as_record(headings: Sequence[str], values: Iterable[Any]) -> dict[str, Any]:
    """A row by its headings, no text longer than a cell."""
    return {
        head: value[:_CELL] if isinstance(value, str) and len(value) > _CELL else value
        for head, value in zip(headings, values, strict=True)
    }


def _records(
    source: Source, rows: Iterator[ShownItem], headings: list[str], picture: str | None, counts: Counts
) -> Iterator[dict[str, Any]]:
    cells, words = Cells(source.job, source.facts), source.words
    for row in rows:
        counts.add(row)
        values = as_text(cells.of(row))
        record = {} if picture is None else {picture: None}
        record.update(as_record(headings, words.row(values) if words else values))
        yield record


def unique(headings: Any) -> list[str]:
    """Columns are told apart by their headings."""
    found: list[str] = []
    for heading in headings:
        found.append(heading if heading not in found else f"{heading} ({len(found) + 1})")
    return found


def _pictures(source: Source) -> tuple[list[ShownItem], list[dict[str, Any]]]:
    """The rows that get a picture, read ahead, and the pictures."""
    assert source.picture is not None
    rows = list(islice(source.rows, PICTURES))
    images = []
    for number, row in enumerate(rows):
        data = source.picture(row["sha256"]) if row["sha256"] else None
        if data:
            images.append({"data": data, "row": number + 1, "col": 0, "fit_to_cell": True, "keep_aspect_ratio": True})
    return rows, images


def _counts(source: Source) -> Counts:
    said = about(source.job, source.facts)
    told = [(gettext(HEADINGS[name], source.lang), said[name]) for name in (*_ABOUT, *_ABOUT_LAST)]
    return Counts(told, source.words, source.lang, untrained=said["trained"] is False)


class Counts:
    """What the summary says, counted while the rows are written: a filtered file sums up what it holds."""

    def __init__(
        self, told: Sequence[tuple[str, Any]], words: Words | None, lang: str | None, untrained: bool = False
    ) -> None:
        """`told`: what stands above the counts. `untrained`: no trained model is behind any of the answers."""
        self._told, self._words, self.lang, self._untrained = told, words, lang, untrained
        self._labels: Counter[str] = Counter()
        self._verdicts: Counter[str] = Counter()
        self._reviews: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._total = self._sum = 0.0

    def add(self, row: ShownItem) -> None:
        self._total += 1
        self._reviews[row["review"]] += 1
        if row["error"]:
            self._failed[row["error"]["message"]] += 1
            return
        self._sum += row["confidence"] or 0
        self._verdicts[row["verdict"] or ""] += 1
        if row["final_label"] is not None:
            self._labels[row["final_label"]] += 1

    def lines(self) -> Iterator[dict[str, Any]]:
        """Read when all rows are written."""
        lang = self.lang
        head, value = gettext(N_("Summary"), lang), gettext(N_("Value"), lang)

        def line(what: str, of: Any) -> dict[str, Any]:
            return {head: what, value: of}

        if self._untrained:
            yield line(gettext(N_("No trained model is behind these answers; they mean nothing."), lang), None)
        for what, of in self._told:
            yield line(what, of)
        yield line(gettext(N_("Photos"), lang), self._total)
        failed = sum(self._failed.values())
        yield line(gettext(N_("Classified"), lang), self._total - failed)
        yield line(gettext(N_("Failed"), lang), failed)
        if self._total > failed:
            yield line(gettext(N_("Mean confidence"), lang), round(self._sum / (self._total - failed), 4))
        for counts, words in ((self._verdicts, VALUES["verdict"]), (self._reviews, VALUES["review"])):
            for key, count in counts.most_common():
                yield line(gettext(words[key], lang), count)
        yield line("", None)
        yield line(gettext(N_("Photos by final class"), lang), None)
        for label, count in self._labels.most_common():
            yield line(self._words.class_name(label) if self._words else label, count)
        if failed:
            yield line("", None)
            yield line(gettext(N_("Failed photos by reason"), lang), None)
            for message, count in self._failed.most_common():
                yield line(message, count)
