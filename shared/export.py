"""A job's results as a stream of bytes, row by row, so that a million photos need no more memory than one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from shared.errors import InvalidRequest
from shared.results import Projection
from shared.types import Job

#: Top candidates that the table formats show in columns of their own.
TOP = 3
_COLUMNS = ("index", "name", "status", "label", "verdict", "confidence", "margin", "corrected")


def stream(job: Job, projection: Projection, format: str, lang: str | None = None) -> Iterator[bytes]:
    """The export in `format`, one of `FORMATS`.

    Raises:
        InvalidRequest: another format (`unknown_format`).
    """
    if format not in FORMATS:
        raise InvalidRequest("unknown_format", format=format, choices=", ".join(FORMATS))
    return FORMATS[format](job, projection.rows(lang))


def _csv(job: Job, rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """RFC 4180 with a byte order mark: without it, Excel reads Chinese names as gibberish."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_header())
    yield b"\xef\xbb\xbf"
    for row in rows:
        writer.writerow([_harmless(v) for v in _cells(job, row)])
        if text.tell() > 65536:
            yield _drain(text)
    yield _drain(text)


def _jsonl(job: Job, rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    about = {"model": job.model, "bank": job.bank, "preset": job.preset}
    for row in rows:
        yield json.dumps({**row, **about}, ensure_ascii=False).encode() + b"\n"


FORMATS: dict[str, Callable[[Job, Iterator[dict[str, Any]]], Iterator[bytes]]] = {"csv": _csv, "jsonl": _jsonl}
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


def _header() -> list[str]:
    ranked = [f"{what}_{n}" for n in range(1, TOP + 1) for what in ("class", "score", "sample")]
    return [*_COLUMNS, *ranked, "cached", "error", "message", "sha256", "model", "bank", "preset"]


def _cells(job: Job, row: dict[str, Any]) -> list[Any]:
    ranked: list[Any] = []
    for candidate in row["candidates"][:TOP]:
        ranked += [candidate["label"], candidate["score"], candidate["sample"]]
    ranked += [None] * (3 * TOP - len(ranked))
    error = row["error"] or {"code": None, "message": None}
    about = [row["cached"], error["code"], error["message"], row["sha256"], job.model, job.bank, job.preset]
    return [*(row[c] for c in _COLUMNS), *ranked, *about]


def _harmless(value: Any) -> Any:
    """A file name that starts like a formula would be run by a spreadsheet (OWASP, CSV injection)."""
    return "'" + value if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _drain(text: io.StringIO) -> bytes:
    value = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return value
