"""CSV and JSON Lines, written row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from shared.core import json_lines
from shared.jobs.export.columns import COLUMNS, cells, harmless
from shared.jobs.model import Job


def as_csv(job: Job, rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """RFC 4180 with a byte order mark: without it, Excel reads Chinese names as gibberish."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    yield b"\xef\xbb\xbf"
    for row in rows:
        writer.writerow([harmless(v) for v in cells(job, row)])
        if text.tell() > 65536:
            yield _drain(text)
    yield _drain(text)


def as_jsonl(job: Job, rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    about = {"model": job.answered_by, "bank": job.bank, "preset": job.preset}
    for row in rows:
        yield json_lines.dump([{**row, **about}]).encode()


def _drain(text: io.StringIO) -> bytes:
    value = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return value
