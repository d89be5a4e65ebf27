"""A job's results: which ones the address chooses, and one window of a list that may be 100,000 photos long."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, jsonify, make_response, render_template, request, url_for
from pydantic import ValidationError

from shared.core.errors import InvalidRequest, NotFound
from shared.jobs import export
from shared.jobs.model import Job
from shared.jobs.projection import Projection
from shared.jobs.result_filters import ANY_DEFECT, REVIEWED
from shared.jobs.reviews import REVIEWED as REVIEWED_STATES
from shared.jobs.reviews import ReviewState
from shared.jobs.shown import ShownSummary
from shared.ranking.model import Verdict
from web.api.exports import export_response
from web.api.items import projected
from web.conditional import unchanged
from web.context import services
from web.i18n import language
from web.job_files import written
from web.pages import bp, class_names
from web.pages.card_addresses import CardAddresses
from web.schemas import ExportQuery, ItemsQuery

#: Photos that are sent at a time: whole rows of one, two, three and four cards.
PAGE = 48
#: Positions that a selection may be made of in one request.
MOST_POSITIONS = 100_000
#: Windows that end here are read as they are, in orders that the results file keeps an index of.
AT_ONCE, INDEXED = 1_000, ("index", "confidence")
#: Photos whose order is kept; behind them every window is sorted again.
MOST_KEPT = 200_000
#: What each choice of the results' first row of filters means to the projection.
VIEWS: dict[str, dict[str, str]] = {
    "all": {},
    "label": {"verdict": Verdict.LABEL},
    # What was reviewed leaves the queue.
    "unsure": {"verdict": Verdict.UNSURE, "review": ReviewState.TODO},
    "not_in_bank": {"verdict": Verdict.NOT_IN_BANK, "review": ReviewState.TODO},
    "failed": {"status": "failed"},
    "reviewed": {"review": REVIEWED},
}
#: Filters that are always on the page, those that are folded away, and those of these that need a look at every row.
PLAIN = ("search", "label")
FACETS = ("quality", "camera", "taken", "profile", "colour")
FOLDED = ("like", "review", "code", "min_confidence", "max_confidence", *FACETS)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the address chooses of a job's results."""

    view: str
    query: ItemsQuery
    #: What stands in the address beside the view.
    told: dict[str, str]

    @property
    def address(self) -> dict[str, Any]:
        """The same choice, for the address of another page."""
        return {name: value for name, value in {"view": self.view, **self.told}.items() if value != "all"}

    @property
    def exported(self) -> dict[str, Any]:
        """The same choice in the words of the API."""
        return {**VIEWS[self.view], **self.told}


def choice(job: Job, limit: int = PAGE) -> Choice:
    """Raises InvalidRequest, NotFound."""
    view = request.args.get("view", "all")
    if view not in VIEWS:
        raise NotFound(what=view)
    told = {name: value for name in (*PLAIN, *FOLDED, "sort") if (value := request.args.get(name, ""))}
    if told.get("sort") == "index":
        del told["sort"]
    if told.get("like"):
        told.setdefault("sort", "similar")
    elif told.get("sort") == "similar":
        del told["sort"]
    try:
        wished = {**VIEWS[view], **told, "cursor": request.args.get("cursor", ""), "limit": limit}
        query = ItemsQuery.model_validate(wished)
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    if query.label:
        # The address may hold any name of a class; the list of classes shows which one it is.
        label = services().class_names(job.bank).resolve(query.label) or query.label
        query, told = query.model_copy(update={"label": label}), {**told, "label": label}
    return Choice(view, query, told)


@bp.get("/jobs/<job_id>/results")
def results(job_id: str) -> Response:
    """What the filters choose; with `part=block` only the photos from the place `from` on."""
    found = services().ledger.find(job_id)
    if same := unchanged(found, written(job_id)):
        return same
    block = request.args.get("part") == "block"
    shown = shown_results(found, summed=not block)
    # The links to the exports stand outside of what is swapped, and follow the filters with it.
    template = "parts/block.html" if block else "parts/results.html"
    response = make_response(render_template(template, **shown, swapped=True))
    if request.headers.get("HX-Trigger") == "filter-form":
        # A step of the visitor's own, to which Back leads.
        response.headers["HX-Push-Url"] = url_for("pages.job", job_id=job_id, **shown["filters"])
    return response


@bp.get("/jobs/<job_id>/counts")
def counts(job_id: str) -> Response:
    """Polled while the job runs: numbers alone, no photo."""
    found = services().ledger.find(job_id)
    if same := unchanged(found, written(job_id)):
        return same
    chosen = choice(found)
    with projected(found) as projection:
        total, summary = _counted(found, projection, chosen)
    told = {"job": found, "filters": chosen.address, "view": chosen.view, "views": views(found, summary)}
    return make_response(render_template("parts/counts.html", total=total, items=total, swapped=True, **told))


@bp.get("/jobs/<job_id>/positions")
def positions(job_id: str) -> Response:
    """The indexes of the photos from the place `from` to the place `to`, for a selection across what is not loaded."""
    found = services().ledger.find(job_id)
    chosen = choice(found)
    first = max(request.args.get("from", 1, int), 1)
    count = min(max(request.args.get("to", first, int) - first + 1, 0), MOST_POSITIONS)
    with projected(found) as projection:
        return jsonify(items=_positions(found, projection, chosen, first - 1, count))


@bp.get("/jobs/<job_id>/facets")
def facets(job_id: str) -> str:
    """The filters that need a look at every photo; asked for when they are unfolded."""
    found = services().ledger.find(job_id)
    with projected(found) as projection:
        return render_template("parts/facets.html", query=choice(found).query, facets=_facets(found, projection))


@bp.post("/jobs/<job_id>/export")
def export_chosen(job_id: str) -> Response:
    """The photos that are selected, as a file: their positions, or the filters that choose them, come in a form."""
    form = request.form
    told = {
        **dict(parse_qsl(form.get("filters", ""))),
        "items": form.get("items", ""),
        "format": form.get("format", ""),
    }
    try:
        query = ExportQuery.model_validate({**told, "headings": headings()})
    except ValidationError as error:
        raise InvalidRequest(reason=error.errors()[0]["msg"]) from error
    return export_response(job_id, query)


def headings() -> str:
    """How tables are headed that a page links to: programs know the English names, and so do readers of English."""
    return "names" if language() == "en" else "words"


def shown_results(job: Job, summed: bool = True) -> dict[str, Any]:
    """What the templates of the results show; `summed`: with the counts of everything, too."""
    chosen = choice(job)
    query, filters = chosen.query, chosen.address
    place = min(max(request.args.get("from", 1, int), 1), 2**53)
    unfolded = "more" in request.args or any(getattr(query, name) for name in FACETS)
    with projected(job) as projection:
        total, summary = _counted(job, projection, chosen) if summed else (0, None)
        place = max(min(place, total), 1) if summed else place
        start = (place - 1) // PAGE * PAGE
        items = projection.at(_positions(job, projection, chosen, start, PAGE), language())
        facets = _facets(job, projection) if summed and unfolded else None
        retakes = _retakes(job, projection) if summed else 0
        like = projection.item(query.like, language()) if query.like is not None else None
    following = start + PAGE + 1 if start + PAGE < total else None
    return {
        "job": job,
        "ended": job.ended,
        "items": items,
        "start": start,
        "place": place,
        "total": total,
        "following": following,
        "previous": max(start - PAGE, 0) + 1 if start else None,
        "page": PAGE,
        "query": query,
        # The first page fills up before one's eyes; after that it stays as it is until the job ends.
        "filling": not job.ended and total < PAGE,
        "view": chosen.view,
        "views": views(job, summary) if summary else {},
        "retakes": retakes,
        "filters": filters,
        "unfolded": unfolded or any(getattr(query, name) is not None for name in FOLDED[1:] if name in chosen.told),
        "facets": facets,
        "like": like,
        "exported": {**chosen.exported, **({} if headings() == "names" else {"headings": headings()})},
        "filtered": bool(query.filters),
        "formats": export.TABLES,
        "elsewhere": {name: export.FORMATS[name].title for name in export.FORMATS if name not in export.TABLES},
        "summary": summary,
        "names": class_names(job.bank),
        "to": CardAddresses(job, filters),
    }


def views(job: Job, summary: ShownSummary) -> dict[str, int]:
    """How many photos each view has."""
    found: dict[str, int] = {
        "all": job.ok + job.failed,
        "failed": sum(summary["failures"].values()),
        "reviewed": sum(summary["reviews"][state] for state in REVIEWED_STATES),
    }
    for verdict in Verdict:
        found[verdict] = summary["todo" if "review" in VIEWS[verdict] else "verdicts"].get(verdict, 0)
    return {name: found[name] for name in VIEWS}


def _state(job: Job) -> tuple[object, ...]:
    # Names of classes are part of it: reviews are read as the classes that they mean now.
    return (*written(job.id), id(services().class_names(job.bank)))


def _retakes(job: Job, projection: Projection) -> int:
    """Photos that should be taken again; counted once, after the job's end: it needs a look at every row."""
    counted = (job.ok, job.failed)
    return services().counts.get(job, "retakes", counted, projection.defects).get(ANY_DEFECT, 0) if job.ended else 0


def _counted(job: Job, projection: Projection, chosen: Choice) -> tuple[int, ShownSummary]:
    kept, filters, state = services().counts, chosen.query.filters, _state(job)
    summary = kept.get(job, "summary", state, projection.summary)
    if not filters:
        return projection.count(filters), summary
    if not chosen.told.keys() - {"sort"}:
        return views(job, summary)[chosen.view], summary
    return kept.get(job, filters, state, lambda: projection.count(filters)), summary


def _positions(job: Job, projection: Projection, chosen: Choice, start: int, count: int) -> list[int]:
    """The indexes from a place on. The order is kept: sorting 100,000 names takes half a second."""
    filters, sort = chosen.query.filters, chosen.query.sort
    in_order = sort == "index" and not filters
    if in_order or (start + count <= AT_ONCE and sort.removeprefix("-") in INDEXED):
        return projection.positions(filters, sort, start, count)

    def order() -> array[int]:
        return array("Q", projection.positions(filters, sort, 0, MOST_KEPT))

    if start + count > MOST_KEPT:
        return projection.positions(filters, sort, start, count)
    return list(services().orders.get(job, (filters, sort), _state(job), order)[start : start + count])


def _facets(job: Job, projection: Projection) -> dict[str, dict[str, int]]:
    return services().counts.get(job, "facets", _state(job), projection.facets)
