"""Photos that look alike: over one job or all, and groups inside a job."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Literal, Self

from apiflask import APIBlueprint
from flask import Response, jsonify, make_response
from pydantic import BaseModel, Field, model_validator

from shared.core.errors import BankError, NotFound, Unavailable
from shared.jobs.model import Job
from shared.jobs.reviews import ReviewState
from shared.jobs.shown import ShownItem
from shared.ranking.model import Verdict
from shared.similar.client import MOST_JOBS, LookAlikes, Matches, Older, Wanted
from shared.similar.sources import LOOKED_UP
from web.api.items import projected
from web.api.jobs import shown as shown_job
from web.context import services
from web.i18n import language, say
from web.job_files import written
from web.look_ups import looked_up, submit_look_up
from web.schemas import ItemOut, WaitQuery

#: Times as many as wanted that are asked for over all jobs: a job that was run again has the same photos.
_RUNS = 4
#: Photos that are looked at where only some are meant.
_NARROWED = 2_000
#: Versions of banks, the newest first, whose names of a class are looked for on the bank server.
_BANKS = 6

bp = APIBlueprint("similar", __name__, tag="Items")


class SimilarQuery(BaseModel):
    """`job` and `item` name a photo, `bank` and `sample` a sample of a bank version."""

    job: str | None = None
    item: int | None = Field(None, ge=0, le=2**32 - 1)
    bank: str | None = None
    sample: str | None = None
    #: `job`: only the photo's own job; `all`: every job of the same model.
    within: Literal["job", "all"] = "all"
    limit: int = Field(48, ge=1, le=500)
    #: Only photos of this job.
    among: str | None = None
    #: Only photos of jobs that were made between these times, in seconds since the epoch.
    since: float | None = Field(None, allow_inf_nan=False)
    until: float | None = Field(None, allow_inf_nan=False)
    #: Only photos of this class (`final_label`, any name of the class), this verdict, or that people said this of.
    label: str | None = None
    verdict: Verdict | None = None
    review: ReviewState | None = None

    @property
    def narrows(self) -> bool:
        """Whether photos are left out by what is said of each."""
        return any((self.label, self.verdict, self.review))

    @property
    def narrowed(self) -> bool:
        """Whether fewer photos are meant than all of the same model."""
        times = self.since is not None or self.until is not None
        return self.narrows or times or self.among is not None or self.within == "job"

    @model_validator(mode="after")
    def _names_one_photo(self) -> Self:
        photo, sample = self.job is not None, self.sample is not None
        if photo == sample or (photo and self.item is None) or (sample and self.bank is None):
            raise ValueError("job and item, or bank and sample are needed")
        if sample and self.within == "job":
            raise ValueError("within=job needs job and item")
        return self


class LookUpQuery(WaitQuery):
    limit: int = Field(48, ge=1, le=500)


class SimilarItem(BaseModel):
    job: str
    job_name: str
    #: Cosine of the two embeddings.
    similarity: float
    item: ItemOut


class AwayOut(BaseModel):
    code: str
    message: str


class SimilarOut(BaseModel):
    found: list[SimilarItem]
    #: Photos that were compared.
    compared: int
    #: Jobs that were not searched: too many photos at once, or no results yet.
    jobs_left_out: int
    #: Why the bank server was not searched, which has the photos of all jobs.
    away: AwayOut | None
    #: What is below this similarity is no more alike than photos of different classes often are: half of the samples of
    #: the bank that the photo was classified by, or is in, have one of another class as near. Null where it is gone.
    alike_above: float | None
    #: The id of the job that a photo became which was sent to be looked up; its item 0 can be asked for again.
    looked_up: str | None = None


class GroupOut(BaseModel):
    #: Positions in the job, the photo most like all others first.
    items: list[int]
    #: Mean cosine of the others with the first.
    likeness: float


class GroupsQuery(BaseModel):
    #: `copies`: one photo, copied, resized or compressed again; `unknown`: not in bank, not reviewed, of one cloth.
    of: Literal["copies", "unknown"] = "unknown"


class GroupsOut(BaseModel):
    groups: list[GroupOut]


@bp.get("/similar")
@bp.input(SimilarQuery, location="query", arg_name="query")
@bp.output(SimilarOut)
def similar(query: SimilarQuery) -> dict[str, Any]:
    """The photos that look most like one, of the same model: exactly over the newest 300,000, and from the archive over
    up to 5 million older ones of ended jobs. With `label`, `verdict` or `review`, those of the 2,000 most similar.

    A bank server, where one is set, is asked about all ended jobs and chooses by these; `away` says why it was not.
    """
    return answer(query)


@bp.post("/similar")
@bp.input(LookUpQuery, location="query", arg_name="query")
@bp.output(SimilarOut)
@bp.doc(responses={202: "The job of the photo: it took longer than `wait`. Ask `GET /similar` for its item 0 later"})
def look_up(query: LookUpQuery) -> dict[str, Any] | Response:
    """The photos that look most like a new one, `file`; or like a part of a photo: `box`, as `x,y,width,height` in
    shares of it, of `file`, of `job` and `item`, or of the sample `sample` of the bank version `bank`.

    What is looked up becomes a job of one photo, as with `POST /classify`."""
    job = submit_look_up()
    if not looked_up(job, query.wait):
        return make_response(jsonify(shown_job(services().ledger.job(job.id))), 202)
    return answer(SimilarQuery(job=job.id, item=0, limit=query.limit)) | {"looked_up": job.id}


def answer(query: SimilarQuery) -> dict[str, Any]:
    """As `SimilarOut`. Raises as `search`."""
    matches, jobs = search(query)
    away = matches.away
    return {
        "found": [
            {"job": job.id, "job_name": job.name, "similarity": similarity, "item": item}
            for job, item, similarity in shown(matches, jobs, query)
        ],
        "compared": matches.compared,
        "alike_above": alike_above(query),
        "jobs_left_out": matches.jobs_left_out,
        "away": {"code": away.code, "message": say(away.code, **away.detail)} if away else None,
    }


@bp.get("/jobs/<job_id>/groups")
@bp.input(GroupsQuery, location="query", arg_name="query")
@bp.output(GroupsOut)
def groups(job_id: str, query: GroupsQuery) -> dict[str, list[dict[str, Any]]]:
    """Groups of a job's photos that look alike, the largest first."""
    return {"groups": [asdict(group) for group in look_alikes(services().ledger.find(job_id), query.of)]}


def search(query: SimilarQuery) -> tuple[Matches, dict[str, Job]]:
    """What was found, and the jobs that it is in. Raises NotFound, Unavailable."""
    at = services()
    if query.job is not None:
        of = at.ledger.find(query.job)
        # What was only looked up is not among what is found: the same file in a job is.
        own = {} if of.kind == LOOKED_UP else {of.id: of}
        jobs = _meant(query, own if query.within == "job" else own | _jobs_of(of.identity))
        assert query.item is not None
        _bring_up_to_date(of)
        wanted = _NARROWED if query.narrows else query.limit * (1 if query.within == "job" else _RUNS)
        older = None if query.within == "job" else _older(query, of.identity, jobs)
        return _known(at.similar.like_photo(of.id, query.item, list(jobs), wanted, older), jobs)
    assert query.bank is not None
    assert query.sample is not None
    identity = at.banks.manifest(query.bank).identity
    jobs = _meant(query, _jobs_of(identity))
    wanted = _NARROWED if query.narrows else query.limit * _RUNS
    older = _older(query, identity, jobs)
    return _known(at.similar.like_sample(query.bank, query.sample, list(jobs), wanted, older), jobs)


def alike_above(query: SimilarQuery) -> float | None:
    """As in `SimilarOut`."""
    at = services()
    with suppress(BankError, NotFound, Unavailable):
        found = at.similar.across_classes(query.bank or at.ledger.find(query.job or "").bank)
        return None if found is None else round(found, 4)
    return None


def _meant(query: SimilarQuery, jobs: dict[str, Job]) -> dict[str, Job]:
    """Those of the jobs that the query is about."""
    first, last = query.since or 0.0, query.until if query.until is not None else float("inf")
    return {
        name: job
        for name, job in jobs.items()
        if first <= job.created <= last and (query.among is None or name == query.among)
    }


def _older(query: SimilarQuery, identity: str, jobs: dict[str, Job]) -> Older:
    wanted = Wanted(query.among, query.since, query.until, _names(query, jobs), query.verdict, query.review)
    ended = [name for name, job in jobs.items() if job.ended]
    return Older(identity, ended, wanted, query.limit * _RUNS)


def _names(query: SimilarQuery, jobs: dict[str, Job]) -> list[str] | None:
    """Of the class that is meant, in all banks."""
    if not query.label:
        return None
    banks = list(dict.fromkeys(job.bank for job in jobs.values()))[:_BANKS]
    known = [services().class_names(bank) for bank in banks] or [services().class_names()]
    return sorted({name for names in known for name in names.names_of(query.label)})


def _known(matches: Matches, jobs: dict[str, Job]) -> tuple[Matches, dict[str, Job]]:
    """With those jobs that only the bank server named, as far as they are still there."""
    found = dict(jobs)
    for name in {match.job for match in matches.found} - jobs.keys():
        with suppress(NotFound):
            found[name] = services().ledger.find(name)
    return replace(matches, found=[match for match in matches.found if match.job in found]), found


def shown(matches: Matches, jobs: dict[str, Job], query: SimilarQuery) -> list[tuple[Job, ShownItem, float]]:
    """Each match that is meant with its job and its result, in order; of the same photo in several jobs the first."""
    once = query.within == "all"
    items: dict[tuple[str, int], ShownItem] = {}
    for job in {match.job for match in matches.found}:
        wanted = [match.item for match in matches.found if match.job == job]
        with projected(job) as projection:
            items |= {(job, item["index"]): item for item in projection.at(wanted, language())}
    found: list[tuple[Job, ShownItem, float]] = []
    seen: set[str | None] = set()
    for match in matches.found:
        item = items.get((match.job, match.item))
        if item is None or not _fits(query, jobs[match.job], item):
            continue
        if not (once and item["sha256"] in seen):
            seen.add(item["sha256"])
            found.append((jobs[match.job], item, match.similarity))
    return found[: query.limit]


def _fits(query: SimilarQuery, job: Job, item: ShownItem) -> bool:
    if query.label and item["final_label"] != (services().class_names(job.bank).resolve(query.label) or query.label):
        return False
    if query.verdict and item["verdict"] != query.verdict:
        return False
    return not query.review or item["review"] == query.review


def look_alikes(job: Job, of: str) -> list[LookAlikes]:
    """Found once for as long as the job's results stay as they are.

    Raises NotFound, Unavailable; BankError where the job's bank is gone: it says how far classes are apart.
    """

    def found() -> list[LookAlikes]:
        if of == "copies":
            return services().similar.copies(job.id)
        services().banks.manifest(job.bank)
        return services().similar.without_class(job.id, job.bank)

    _bring_up_to_date(job)
    return services().counts.get(job, ("groups", of), written(job.id), found)


def _bring_up_to_date(job: Job) -> None:
    """The job's results file holds what was committed until now; the process that compares reads nothing else."""
    with projected(job.id):
        pass


def _jobs_of(identity: str) -> dict[str, Job]:
    """Jobs whose embeddings can be compared with each other, the newest first; not what was only looked up."""
    listed = services().ledger.listed(MOST_JOBS)
    return {job.id: job for job in listed if job.identity == identity and job.kind != LOOKED_UP}
