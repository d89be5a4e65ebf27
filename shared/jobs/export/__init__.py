"""A job's results as a stream of bytes, read row by row, so that a million photos need no more memory than one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from shared.core.errors import Conflict, InvalidRequest
from shared.core.messages import sentence
from shared.jobs.export.columnar import as_parquet
from shared.jobs.export.headings import Words
from shared.jobs.export.text import as_csv, as_jsonl
from shared.jobs.export.workbook import as_xlsx
from shared.jobs.model import Job
from shared.jobs.projection import Projection
from shared.jobs.result_filters import Filters
from shared.jobs.shown import ShownItem

__all__ = ["FORMATS", "MEDIA_TYPES", "PHOTOS", "Words", "file_name", "is_partial", "require", "stream"]

FORMATS: dict[str, Callable[[Job, Iterator[ShownItem], Words | None], Iterator[bytes]]] = {
    "csv": as_csv,
    "xlsx": as_xlsx,
    "jsonl": as_jsonl,
    "parquet": as_parquet,
}
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
#: The format that holds the photos themselves (`folders.py`): a zip, which only the web process makes.
PHOTOS = "folders"

#: What a format needs beside the packages that the web role installs.
_OPTIONAL = {"parquet": "pyarrow"}


def require(format: str) -> None:
    """Raises InvalidRequest (`unknown_format`), Conflict (`format_not_installed`): before a stream has begun."""
    if format not in FORMATS:
        raise InvalidRequest("unknown_format", format=format, choices=", ".join(FORMATS))
    package = _OPTIONAL.get(format)
    if package and find_spec(package) is None:
        raise Conflict("format_not_installed", format=format, package=package)


def stream(
    job: Job,
    projection: Projection,
    format: str,
    lang: str | None = None,
    filters: Filters | None = None,
    sort: str = "index",
    words: Words | None = None,
) -> Iterator[bytes]:
    """The export in `format`, one of `FORMATS`, of what the filters let through; CSV and XLSX in `words`, where given.

    Raises as `require` does.
    """
    require(format)
    return FORMATS[format](job, projection.rows(lang, filters, sort), words)


def is_partial(job: Job) -> bool:
    """Whether results are still to come, or will never come because the job was cancelled."""
    return not job.listed or job.done < job.total


def file_name(job: Job, format: str, filtered: bool, lang: str | None = None) -> str:
    """A name for the exported file; it says where the file holds a part of the job only."""
    total = f"{job.total}{'' if job.listed else '+'}"
    notes = [sentence("export_filtered", lang)] if filtered else []
    notes += [sentence("export_partial", lang, done=job.done, total=total)] if is_partial(job) else []
    noted = f" ({', '.join(notes)})" if notes else ""
    return f"{job.name or job.id}{noted}.{'zip' if format == PHOTOS else format}"
