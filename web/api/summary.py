"""A job's summary, as one file that holds its pictures; pages show the same."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Response, render_template
from pydantic import BaseModel

from shared.collections.runs import KEPT
from shared.collections.shown import told
from shared.collections.store import Collections
from shared.core.errors import WeftError
from shared.jobs.export import bank_facts
from shared.jobs.export.columns import trained
from shared.jobs.job_summary import JobSummary, summarise
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem, ShownSummary
from web.api.comparison import comparison
from web.api.exports import class_names, download_name
from web.api.items import bp, projected
from web.api.similar import look_alikes
from web.context import services
from web.i18n import language
from web.job_files import written
from web.schemas import file_response

#: Bytes of the pictures in a file; what comes after is shown without one.
MOST_BYTES = 12_000_000
#: Photos up to which those that look alike are looked for unasked: 2 seconds; a minute for 100,000.
MOST_COMPARED = 5_000
#: Groups of photos that look alike, and photos that are shown of each.
GROUPS, GROUPED = 6, 6
_STYLE = Path(__file__).parents[1] / "static" / "css" / "summary.css"


class SummaryQuery(BaseModel):
    #: Look for photos that look alike in a job of more than 5,000 photos, too: it may take a minute.
    alike: bool = False


def shown_summary(job: Job, picture: Callable[[str], str | None], asked: bool = False) -> dict[str, Any]:
    """What the template shows; `picture` gives the address of a thumbnail by the photo's SHA-256. `asked`: photos that
    look alike are looked for however many there are."""
    lang = language()
    looked = asked or job.ok <= MOST_COMPARED

    def made() -> JobSummary:
        with projected(job.id) as projection:
            return summarise(projection, lang)

    at = services()
    state = (*written(job.id), id(at.class_names(job.bank)))
    found = at.counts.get(job, ("summary page", lang), state, made)
    return {
        "job": job,
        "of": job,
        "found": found,
        "run_told": _run_told(job, lang),
        "names": class_names(job, lang),
        "picture": picture,
        "alike": {of: alike(job, of, lang) if looked else None for of in ("unknown", "copies")},
        "looked": looked,
        "asked": asked,
        "changes": _changes(job),
        "trained": trained(job, bank_facts(at.banks, job, samples=False)),
        "weft_version": version("weft"),
    }


def _run_told(job: Job, lang: str) -> list[str]:
    """What the run of a collection that became this job found besides."""
    if job.collection is None:
        return []
    store = Collections(services().settings)
    try:
        own = store.find(job.collection)
        with store.index(own.id) as index:
            run = next((run for run in index.runs.list(KEPT) if run.job == job.id), None)
    except WeftError:
        return []
    return told(run, lang) if run else []


def _changes(job: Job) -> dict[str, int]:
    """What became of the answers of the job that this one repeats: change → photos; empty where there is none."""
    if job.repeats is None:
        return {}
    try:
        counts = comparison(services().ledger.find(job.repeats), job).counts
    except WeftError:
        return {}
    return {change: count for change, count in counts.items() if count}


@dataclass(frozen=True, slots=True)
class Alike:
    """Photos of a job that look alike."""

    groups: int
    photos: int
    #: The largest groups: how many photos each has, and some of them.
    largest: list[tuple[int, list[ShownItem]]]


def alike(job: Job, of: str, lang: str) -> Alike | None:
    """None where they are not looked for: in a job that runs or has no result, or where nobody can compare now."""
    if not job.ended or not job.ok:
        return None
    try:
        groups = look_alikes(job, of)
    except WeftError:
        return None
    shown = groups[:GROUPS]
    with projected(job.id) as projection:
        items = {item["index"]: item for item in projection.at([i for g in shown for i in g.items[:GROUPED]], lang)}
    largest = [(len(group.items), [items[i] for i in group.items[:GROUPED] if i in items]) for group in shown]
    return Alike(len(groups), sum(len(group.items) for group in groups), largest)


class CountsOut(BaseModel):
    """How many results a job has of each kind, up to now."""

    #: By final label, most frequent first.
    labels: dict[str, int]
    verdicts: dict[str, int]
    #: By the code of the failure.
    failures: dict[str, int]
    corrected: int
    #: By what people said; and those still to do, by verdict.
    reviews: dict[str, int]
    todo: dict[str, int]


@bp.get("/jobs/<job_id>/summary")
@bp.output(CountsOut)
def summary(job_id: str) -> ShownSummary:
    """How many results there are of each class, verdict and failure, as `weft watch --json` tells them."""
    with projected(job_id) as projection:
        return projection.summary()


@bp.get("/jobs/<job_id>/summary.html")
@bp.input(SummaryQuery, location="query", arg_name="query")
@bp.doc(responses=file_response("The file", "text/html"))
def summary_file(job_id: str, query: SummaryQuery) -> Response:
    """A job on one page, as one HTML file that holds its pictures: classes with six photos each, how right the answers
    are where folders are named after classes, the least certain photos, photos that look alike, and what failed."""
    job = services().ledger.find(job_id)
    return as_download(file(job, query.alike), f"{job.name} {job.id}.html", f"summary-{job.id}.html")


def as_download(text: str, name: str, english: str) -> Response:
    """A page as a file to be kept, which may do nothing but be looked at."""
    response = Response(text, content_type="text/html; charset=utf-8")
    download_name(response, name.replace("/", "-"), english)
    response.headers["Content-Security-Policy"] = (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    return response


def file(job: Job, asked: bool = False) -> str:
    """One HTML file that needs nothing else."""
    return alone("summary_file.html", lambda picture: shown_summary(job, picture, asked))


def alone(template: str, shown: Callable[[Callable[[str], str | None]], dict[str, Any]]) -> str:
    """A page that holds its style and its pictures; `shown`: what it shows, by what gives a picture's address."""
    left = MOST_BYTES

    def embedded(sha256: str) -> str | None:
        nonlocal left
        jpeg = services().storage.thumb(sha256)
        if jpeg is None or len(jpeg) > left:
            return None
        left -= len(jpeg)
        return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"

    style = _STYLE.read_text(encoding="utf-8")
    return render_template(template, style=style, **shown(embedded))
