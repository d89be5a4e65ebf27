"""A collection on one page: its latest results, and what its last run found; as one file, too."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from flask import Response

from shared.bank.store import BankStore
from shared.collections.collection import Collection
from shared.collections.results import CollectionResults
from shared.collections.shown import told
from shared.collections.summary import CollectionSummary, summarise
from shared.core.errors import WeftError
from web.api.collections import bp, store
from web.api.summary import MOST_COMPARED, Alike, alike, alone, as_download
from web.context import services
from web.i18n import language
from web.schemas import file_response


@bp.get("/collections/<collection>/report.html")
@bp.doc(responses=file_response("The file", "text/html"))
def report(collection: str) -> Response:
    """A collection on one page, as one HTML file that holds its pictures: what its last run found, classes with six
    photos each, how right the answers are where folders are named after classes, the least certain photos with their
    five best classes, photos of the last run that look alike, and what failed."""
    own = store().find(collection)
    return as_download(file(own), f"{own.name}.html", f"report-{own.id}.html")


def file(own: Collection) -> str:
    """One HTML file that needs nothing else."""
    return alone("collection_report_file.html", lambda picture: shown_report(own, picture))


def shown_report(own: Collection, picture: Callable[[str], str | None]) -> dict[str, Any]:
    """What the templates show; `picture` gives the address of a thumbnail by the photo's SHA-256."""
    at, lang = services(), language()
    with store().index(own.id) as index:
        found: CollectionSummary = summarise(CollectionResults(at.settings, at.ledger, own, index), index, lang)
    return {
        "own": own,
        "of": found,
        "found": found.found,
        "run": found.changes.run if found.changes else None,
        "run_told": told(found.changes.run, lang) if found.changes else [],
        "changed": found.changes.named if found.changes else {},
        "names": _names(at.banks, own, lang),
        "picture": picture,
        "alike": _alike_of_last(found, lang),
        "changes": {},
        "trained": found.trained,
        "weft_version": version("weft"),
    }


def _alike_of_last(found: CollectionSummary, lang: str) -> dict[str, Alike | None]:
    """Photos that look alike among those of the last run; of an older one it was said before."""
    job_id = found.changes.run.job if found.changes else None
    try:
        job = services().ledger.find(job_id) if job_id else None
    except WeftError:
        job = None
    looked = job is not None and job.ok <= MOST_COMPARED
    return {of: alike(job, of, lang) if job is not None and looked else None for of in ("unknown", "copies")}


def _names(banks: BankStore, own: Collection, lang: str) -> dict[str, str]:
    """Label → name in a language, of the bank that the next run would use."""
    try:
        entries = banks.chosen(own.bank).ranked_classes
    except WeftError:
        return {}
    return {entry.label: entry.name(lang) or entry.label for entry in entries}
