"""XLSX: one sheet, its first row fixed and filterable; a further sheet where Excel's rows end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

from shared.jobs.export.columns import COLUMNS, cells
from shared.jobs.export.headings import Words
from shared.jobs.export.pieces import pieces
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem

#: Results on one sheet; Excel takes 1,048,576 rows.
SHEET_ROWS = 1_000_000


def as_xlsx(job: Job, rows: Iterator[ShownItem], words: Words | None = None) -> Iterator[bytes]:
    """Written to disk row by row (openpyxl's write-only mode), then read back in pieces."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet: Any = None
    used = 0

    def value(of: Any) -> Any:
        if not isinstance(of, str):
            return of
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", of))
        # A name that starts with "=" is a name, not a formula.
        cell.data_type = "s"
        return cell

    def next_sheet() -> None:
        nonlocal sheet, used
        sheet, used = book.create_sheet("Weft" if sheet is None else None), 0
        sheet.freeze_panes = "C2"
        for number, column in enumerate(COLUMNS, 1):
            sheet.column_dimensions[get_column_letter(number)].width = column.width
        names = words.headings() if words else [column.name for column in COLUMNS]
        heads = [WriteOnlyCell(sheet, name) for name in names]
        for head in heads:
            head.font = Font(bold=True)
        sheet.append(heads)

    next_sheet()
    for row in rows:
        if used == SHEET_ROWS:
            sheet.auto_filter.ref = f"A1:{get_column_letter(len(COLUMNS))}{used + 1}"
            next_sheet()
        values = cells(job, row)
        sheet.append([value(cell) for cell in (words.row(values) if words else values)])
        used += 1
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(COLUMNS))}{used + 1}"
    with tempfile.TemporaryFile() as file:
        book.save(file)
        yield from pieces(file)
