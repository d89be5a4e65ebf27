"""Controls by which the page of similar photos asks for some of them: of a job, of days, of a class, as reviewed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.jobs.model import Job
from shared.similar.sources import LOOKED_UP
from web.api.similar import SimilarQuery
from web.context import services
from web.pages import suggestions

#: In the page's address, where the API has moments: the first and the last day of the jobs that are meant.
DAYS = ("from", "to")
#: What the form does not ask for, and so keeps.
_KEPT = ("job", "item", "bank", "sample", "limit")
#: Jobs to choose from, the newest ones, and classes that are suggested.
_JOBS, _CLASSES = 100, 5000


def moments(here: dict[str, str]) -> dict[str, Any]:
    """`since` and `until` of the days in an address, by the server's clock; what is no day, as it is: it is refused."""
    found: dict[str, Any] = {}
    if "from" in here:
        found["since"] = _begin(here["from"])
    if "to" in here:
        found["until"] = _begin(here["to"], days=1)
    return found


def fields(query: SimilarQuery, here: dict[str, str], of: Job | None) -> dict[str, Any]:
    """What `parts/similar_filters.html` shows. `of`: the job of the photo, where it is none of a bank."""
    bank = of.bank if of else query.bank or ""
    identity = of.identity if of else services().banks.manifest(bank).identity
    listed = services().ledger.listed(_JOBS)
    jobs = {job.id: job.name for job in listed if job.identity == identity and job.kind != LOOKED_UP}
    if query.among and query.among not in jobs:
        jobs[query.among] = query.among
    return {
        "kept": {name: value for name, value in here.items() if name in _KEPT or name.startswith("whole_")},
        "jobs_offered": jobs,
        "days": {name: here.get(name) or _day(moment) for name, moment in zip(DAYS, _moments(query), strict=True)},
        "classes_known": suggestions(bank, _CLASSES),
    }


def _moments(query: SimilarQuery) -> tuple[float | None, float | None]:
    return query.since, query.until


def _begin(day: str, days: int = 0) -> Any:
    """The first moment of a day, or of one that follows it by so many."""
    try:
        return (datetime.strptime(day, "%Y-%m-%d") + timedelta(days=days)).astimezone().timestamp() - bool(days) * 1e-3
    except (ValueError, OverflowError, OSError):
        return day


def _day(moment: float | None) -> str:
    try:
        return "" if moment is None else datetime.fromtimestamp(moment).astimezone().date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
