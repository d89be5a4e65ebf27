"""A job's results as a stream of bytes, read row by row, so that a million photos need no more memory than one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from shared.core.errors import Conflict, InvalidRequest
from shared.core.messages import sentence
from shared.jobs.export.annotations import as_coco, as_fiftyone, as_label_studio
from shared.jobs.export.columnar import as_parquet
from shared.jobs.export.headings import Words
from shared.jobs.export.source import BankFacts, Source, bank_facts
from shared.jobs.export.text import as_csv, as_jsonl
from shared.jobs.export.workbook import as_xlsx
from shared.jobs.model import Job
from shared.jobs.projection import Projection
from shared.jobs.result_filters import Filters

__all__ = [
    "FORMATS",
    "MEDIA_TYPES",
    "PHOTOS",
    "TABLES",
    "BankFacts",
    "Words",
    "bank_facts",
    "file_name",
    "is_partial",
    "require",
    "stream",
]


@dataclass(frozen=True, slots=True)
class Format:
    write: Callable[[Source], Iterator[bytes]]
    media_type: str
    #: What a file's name ends with.
    suffix: str
    #: What people call it.
    title: str
    #: A package that not every role installs.
    package: str | None = None


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_JSON = "application/json"
FORMATS = {
    "csv": Format(as_csv, "text/csv; charset=utf-8", "csv", "CSV"),
    "xlsx": Format(as_xlsx, _XLSX, "xlsx", "XLSX", "rustpy-xlsxwriter"),
    "jsonl": Format(as_jsonl, "application/x-ndjson", "jsonl", "JSONL"),
    "parquet": Format(as_parquet, "application/vnd.apache.parquet", "parquet", "PARQUET", "pyarrow"),
    "coco": Format(as_coco, _JSON, "coco.json", "COCO"),
    "fiftyone": Format(as_fiftyone, _JSON, "fiftyone.json", "FiftyOne"),
    "label-studio": Format(as_label_studio, _JSON, "label-studio.json", "Label Studio"),
}
#: Those that are tables.
TABLES = ("csv", "xlsx", "jsonl", "parquet")
MEDIA_TYPES = {name: format.media_type for name, format in FORMATS.items()}
#: The format that holds the photos themselves (`folders.py`): a zip, which only the web process makes.
PHOTOS = "folders"


def require(format: str) -> None:
    """Raises InvalidRequest (`unknown_format`), Conflict (`format_not_installed`): before a stream has begun."""
    if format not in FORMATS:
        raise InvalidRequest("unknown_format", format=format, choices=", ".join(FORMATS))
    package = FORMATS[format].package
    if package and find_spec(package.replace("-", "_")) is None:
        raise Conflict("format_not_installed", format=format, package=package)


def stream(
    job: Job,
    projection: Projection,
    format: str,
    lang: str | None = None,
    filters: Filters | None = None,
    sort: str = "index",
    words: Words | None = None,
    facts: BankFacts | None = None,
    picture: Callable[[str], bytes | None] | None = None,
    public_url: str = "",
) -> Iterator[bytes]:
    """The export in `format`, one of `FORMATS`, of what the filters let through.

    Args:
        words: CSV and XLSX speak to people, in these words.
        facts: what the job's bank says of classes and samples (`bank_facts`).
        picture: XLSX shows the first photos with these thumbnails.
        public_url: where other programs reach the photos.

    Raises as `require` does.
    """
    require(format)
    rows, count = projection.rows(lang, filters, sort), projection.count(filters or Filters())
    url = public_url.rstrip("/")
    return FORMATS[format].write(Source(job, rows, count, facts or BankFacts(), words, lang, picture, url))


def is_partial(job: Job) -> bool:
    """Whether results are still to come, or will never come because the job was cancelled."""
    return not job.listed or job.done < job.total


def file_name(job: Job, format: str, filtered: bool, lang: str | None = None) -> str:
    """A name for the exported file; it says where the file holds a part of the job only."""
    total = f"{job.total}{'' if job.listed else '+'}"
    notes = [sentence("export_filtered", lang)] if filtered else []
    notes += [sentence("export_partial", lang, done=job.done, total=total)] if is_partial(job) else []
    noted = f" ({', '.join(notes)})" if notes else ""
    return f"{job.name or job.id}{noted}.{'zip' if format == PHOTOS else FORMATS[format].suffix}"
