"""CSV and JSON Lines, written row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from shared.core import json_lines
from shared.jobs.export.columns import NAMES, about, cells, harmless
from shared.jobs.export.headings import Words
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem


def as_csv(job: Job, rows: Iterator[ShownItem], words: Words | None = None) -> Iterator[bytes]:
    """RFC 4180 with a byte order mark: without it, Excel reads Chinese names as gibberish."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(words.headings() if words else NAMES)
    yield b"\xef\xbb\xbf"
    for row in rows:
        values = cells(job, row)
        writer.writerow([harmless(v) for v in (words.row(values) if words else values)])
        if text.tell() > 65536:
            yield _drain(text)
    yield _drain(text)


def as_jsonl(job: Job, rows: Iterator[ShownItem], words: Words | None = None) -> Iterator[bytes]:
    """One JSON object per line: the API's, and what `about` says of the job; for programs, so in nobody's words."""
    said = about(job)
    for row in rows:
        yield json_lines.dump([{**row, **said}]).encode()


def _drain(text: io.StringIO) -> bytes:
    value = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return value
