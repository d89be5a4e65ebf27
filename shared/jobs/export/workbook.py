"""XLSX: one sheet, its first row fixed and filterable; a further sheet where Excel's rows end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

from shared.jobs.export.columns import COLUMNS, cells
from shared.jobs.export.pieces import pieces
from shared.jobs.model import Job

#: Results on one sheet; Excel takes 1,048,576 rows.
SHEET_ROWS = 1_000_000
_WIDTHS = {"name": 36, "label": 22, "message": 40, "class_1": 22, "class_2": 22, "class_3": 22}


def as_xlsx(job: Job, rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
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
        for number, name in enumerate(COLUMNS, 1):
            sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(name, 13)
        heads = [WriteOnlyCell(sheet, name) for name in COLUMNS]
        for head in heads:
            head.font = Font(bold=True)
        sheet.append(heads)

    next_sheet()
    for row in rows:
        if used == SHEET_ROWS:
            sheet.auto_filter.ref = f"A1:{get_column_letter(len(COLUMNS))}{used + 1}"
            next_sheet()
        sheet.append([value(cell) for cell in cells(job, row)])
        used += 1
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(COLUMNS))}{used + 1}"
    with tempfile.TemporaryFile() as file:
        book.save(file)
        yield from pieces(file)
