"""XLSX: the results, a further sheet where Excel's rows end, and a summary; with pictures on request.

rustpy-xlsxwriter writes rows as they come, in a fraction of the time of openpyxl or XlsxWriter (docs/benchmarks.md).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from shared.core.i18n import N_, gettext
from shared.jobs.export.columns import COLUMNS, NAMES, Cells, about, as_text
from shared.jobs.export.headings import HEADINGS, VALUES
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
    from rustpy_xlsxwriter import FastExcel

    headings = _unique(source.words.headings() if source.words else NAMES)
    picture = gettext(N_("Thumbnail"), source.lang) if source.picture else None
    first, images = _pictures(source) if source.picture else ([], [])
    rows = chain(first, source.rows)
    counts = _Counts(source)
    widths = {head: float(column.width) for head, column in zip(headings, COLUMNS, strict=True)}
    sheets = max(1, -(-source.count // SHEET_ROWS))
    # The writer opens its file by name.
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        book = FastExcel(file.name).format(bold_headers=True)
        for number in range(sheets):
            title = "Weft" if number == 0 else f"Weft {number + 1}"
            most = SHEET_ROWS if number < sheets - 1 else _EXCEL_ROWS
            more: dict[str, Any] = {}
            if picture and number == 0:
                more = {"images": images, "row_heights": {n + 1: float(_PICTURE_POINTS) for n in range(len(first))}}
            shown = widths if picture is None else {picture: 14.0, **widths}
            records = _records(source, islice(rows, most), headings, picture, counts)
            book.sheet(title, records, autofilter=True, column_widths=shown, **more)
            book.freeze(row=1, col=3 if picture else 2, sheet=title)
        title = gettext(N_("Summary"), source.lang)
        book.sheet(title, counts.lines(), column_widths=[44.0, 44.0])
        book.save()
        with open(file.name, "rb") as made:
            yield from pieces(made)


def _records(
    source: Source, rows: Iterator[ShownItem], headings: list[str], picture: str | None, counts: _Counts
) -> Iterator[dict[str, Any]]:
    cells, words = Cells(source.job, source.facts), source.words
    empty: dict[str, Any] = dict.fromkeys([picture, *headings] if picture else headings)
    any_row = False
    for row in rows:
        counts.add(row)
        values = as_text(cells.of(row))
        any_row = True
        record = {} if picture is None else {picture: None}
        record.update(zip(headings, words.row(values) if words else values, strict=True))
        for name in _LONG:
            if isinstance(text := record.get(headings[name]), str) and len(text) > _CELL:
                record[headings[name]] = text[:_CELL]
        yield record
    if not any_row:
        # The headings are those of the first row.
        yield empty


def _unique(headings: Any) -> list[str]:
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


class _Counts:
    """What the summary says, counted while the rows are written: a filtered file sums up what it holds."""

    def __init__(self, source: Source) -> None:
        self._source = source
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
        lang = self._source.lang
        head, value = gettext(N_("Summary"), lang), gettext(N_("Value"), lang)

        def line(what: str, of: Any) -> dict[str, Any]:
            return {head: what, value: of}

        said = about(self._source.job, self._source.facts)
        if said["trained"] is False:
            yield line(gettext(N_("No trained model is behind these answers; they mean nothing."), lang), None)
        for name in (*_ABOUT, *_ABOUT_LAST):
            yield line(gettext(HEADINGS[name], lang), said[name])
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
            yield line(self._source.words.class_name(label) if self._source.words else label, count)
        if failed:
            yield line("", None)
            yield line(gettext(N_("Failed photos by reason"), lang), None)
            for message, count in self._failed.most_common():
                yield line(message, count)


#: Columns whose text may be longer than a cell: a name, or a sentence that holds one.
_LONG = tuple(NAMES.index(name) for name in ("name", "message", "notes"))
