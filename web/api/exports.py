"""A job's results as a file: tables, and the photos themselves in a folder for each class."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from flask import Response
from werkzeug.exceptions import NotFound

from shared.core.errors import PhotoError, WeftError
from shared.jobs import export
from shared.jobs.export.folders import as_folders
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem
from shared.jobs.sorting import naming
from web.api.items import bp, projected
from web.api.photos import photo_bytes
from web.bank_choice import of_job
from web.context import services
from web.i18n import language
from web.schemas import ExportQuery, file_response

_ZIP = "application/zip"


@bp.get("/jobs/<job_id>/export")
@bp.input(ExportQuery, location="query", arg_name="query")
@bp.doc(responses=file_response("The file", *export.MEDIA_TYPES.values(), _ZIP))
def exported(job_id: str, query: ExportQuery) -> Response:
    """The results of a job, or those that the filters let through, as one streamed file."""
    return export_response(job_id, query)


def export_response(job_id: str, query: ExportQuery) -> Response:
    """The file, as a download. Raises InvalidRequest, NotFound, Conflict before a byte is sent."""
    if query.format != export.PHOTOS:
        export.require(query.format)
    job = services().ledger.find(job_id)
    stream = _photos(job, query) if query.format == export.PHOTOS else _table(job, query)
    response = Response(stream, content_type=export.MEDIA_TYPES.get(query.format, _ZIP))
    name = export.file_name(job, query.format, bool(query.filters), language())
    english = export.file_name(job, query.format, bool(query.filters), "en")
    download_name(response, name, english)
    return response


def download_name(response: Response, name: str, english: str) -> None:
    """Makes the answer a file to be kept, under a name that old programs can read, too."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in english)
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )


def class_names(job: Job, lang: str) -> dict[str, str]:
    """Label → name in a language, of the classes of the job's bank."""
    try:
        entries = services().banks.manifest(job.bank).ranked_classes
    except WeftError:
        return {}
    return {entry.label: entry.name(lang) or entry.label for entry in entries}


def _table(job: Job, query: ExportQuery) -> Iterator[bytes]:
    lang, results = language(), projected(job.id)
    words = export.Words(lang, class_names(job, lang), of_job(job)) if query.headings == "words" else None
    at = services()
    facts = export.bank_facts(at.banks, job)
    picture = at.storage.thumb if query.pictures else None
    url = at.settings.public_url

    def rows() -> Iterator[bytes]:
        with results as projection:
            yield from export.stream(
                job, projection, query.format, lang, query.filters, query.sort, words, facts, picture, url
            )

    return rows()


def _photos(job: Job, query: ExportQuery) -> Iterator[bytes]:
    at, lang, results = services(), language(), projected(job.id)
    # As `weft sort` names them.
    others = naming.APART_ZH if lang == "zh" else naming.APART
    names = class_names(job, lang)

    def photo(item: ShownItem) -> bytes | None:
        try:
            return photo_bytes(at, job, item) if item["sha256"] else None
        except (NotFound, PhotoError):
            return None

    def rows() -> Iterator[bytes]:
        with results as projection:
            yield from as_folders(projection.rows(lang, query.filters, query.sort), photo, names, others)

    return rows()
