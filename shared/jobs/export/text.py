"""CSV and JSON Lines, written row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from shared.core import json_lines
from shared.jobs.export.columns import NAMES, Cells, about, as_text, harmless, names_of
from shared.jobs.export.source import Source


def as_csv(source: Source) -> Iterator[bytes]:
    """A job's results for spreadsheets."""
    words, cells = source.words, Cells(source.job, source.facts)
    rows = (as_text(cells.of(row)) for row in source.rows)
    return csv_pieces(words.headings() if words else NAMES, map(words.row, rows) if words else rows)


def csv_pieces(headings: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """RFC 4180 with a byte order mark: without it, Excel reads Chinese names as gibberish."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    yield b"\xef\xbb\xbf"
    for row in rows:
        writer.writerow([harmless(value) for value in row])
        if text.tell() > 65536:
            yield _drain(text)
    yield _drain(text)


def as_jsonl(source: Source) -> Iterator[bytes]:
    """One JSON object per line: the API's, and what `about` says of the job; for programs, so in nobody's words."""
    said = about(source.job, source.facts)
    for row in source.rows:
        yield json_lines.dump([{**row, **names_of(row, source.facts), **said}]).encode()


def _drain(text: io.StringIO) -> bytes:
    value = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return value
