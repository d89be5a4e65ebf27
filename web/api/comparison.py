"""Two jobs over the same photos, compared."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from shared.jobs.comparison import Comparison, compare
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem
from web.api.items import projected
from web.api.jobs import shown
from web.context import services
from web.i18n import language
from web.job_files import written
from web.job_schemas import CompareQuery, ComparisonOut

bp = APIBlueprint("comparison", __name__, tag="Jobs")


@bp.get("/jobs/<job_id>/compare/<other>")
@bp.input(CompareQuery, location="query", arg_name="query")
@bp.output(ComparisonOut)
def compared(job_id: str, other: str, query: CompareQuery) -> dict[str, Any]:
    """What the job `other` answers otherwise than this one: photos are matched by their names, else by SHA-256."""
    first, second = services().ledger.find(job_id), services().ledger.find(other)
    found = comparison(first, second)
    return {
        "first": shown(first),
        "second": shown(second),
        "counts": found.counts,
        "changed": found.changed,
        "reviewed": found.reviewed,
        "first_right": found.first_right,
        "second_right": found.second_right,
        **page(first, second, found, query),
    }


def comparison(first: Job, second: Job) -> Comparison:
    """Made once for as long as the results of both stay as they are."""

    def made() -> Comparison:
        with projected(first.id) as ours, projected(second.id) as theirs:
            return compare(ours, theirs)

    state = (*written(first.id), *written(second.id))
    moving = second if first.ended else first
    return services().comparisons.get(moving, (first.id, second.id), state, made)


def page(first: Job, second: Job, found: Comparison, query: CompareQuery) -> dict[str, Any]:
    """One page of photos with both answers, and where the next begins."""
    part = found.part(query.change, query.start, query.limit)
    ours = _items(first, [a for _, a, _ in part])
    theirs = _items(second, [b for _, _, b in part])
    items = [{"change": kind, "first": ours.get(a), "second": theirs.get(b)} for kind, a, b in part]
    total = found.changed if query.change is None else found.counts[query.change]
    following = query.start + query.limit
    return {"items": items, "next": following if following < total else None}


def _items(job: Job, chosen: list[int | None]) -> dict[int | None, ShownItem]:
    with projected(job.id) as projection:
        found = projection.at([index for index in chosen if index is not None], language())
    return {item["index"]: item for item in found}
