"""What people are shown of jobs and results: the JSON of API, command line and JSON Lines."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypedDict

from shared.core.names import readable
from shared.jobs.model import Job
from shared.jobs.notes import (
    hours_sentence,
    late_sentence,
    left_out_sentence,
    note_sentence,
    place_sentence,
    workers_that_help,
)


class ShownCandidate(TypedDict):
    label: str
    score: float
    #: The sample of the bank that spoke most for the class.
    sample: str | None


class ShownError(TypedDict):
    code: str
    message: str


class ShownItem(TypedDict):
    """One result. Fields of `fields.EXTRA` come beside these."""

    index: int
    name: str
    sha256: str | None
    status: str
    cached: bool
    verdict: str | None
    label: str | None
    confidence: float | None
    margin: float | None
    candidates: list[ShownCandidate]
    error: ShownError | None
    corrected: str | None
    review: str
    final_label: str | None
    reviewed_at: float | None
    reviewed_by: str | None


class ShownSummary(TypedDict):
    """How many results there are of each kind."""

    labels: dict[str, int]
    verdicts: dict[str, int]
    failures: dict[str, int]
    corrected: int
    #: Of all results, by `ReviewState`; and of those still to do, by verdict.
    reviews: dict[str, int]
    todo: dict[str, int]


class ShownJob(TypedDict):
    """Times in seconds since the epoch; the fields are those of `Job`."""

    id: str
    name: str
    kind: str
    state: str
    preset: str
    model: str
    bank: str
    total: int
    ok: int
    failed: int
    duplicates: int
    cached: int
    created: float
    started: float | None
    finished: float | None
    path: str | None
    not_before: float | None
    rate: float | None
    eta: float | None
    #: The expected end, between which it lies in 9 of 10 cases, and the end with one more worker.
    done_at: float | None
    done_between: tuple[float, float] | None
    with_another_worker: float | None
    note: str | None
    engine: str | None
    #: Of the vectors, e.g. `f32`.
    precision: str | None
    archived: bool
    #: Who submitted it.
    owner: str | None
    priority: str
    #: Id of the job whose photos it classifies again.
    repeats: str | None
    #: Id of the collection that it is a run of.
    collection: str | None
    #: Id of the bank that `bank` is a version of.
    bank_id: str
    #: Files that are no photos: kind → number.
    left_out: dict[str, int]
    waiting_for: str | None
    #: `note` as a sentence in the user's language.
    message: str | None
    #: `left_out` as a sentence.
    left_out_message: str | None
    #: In the line for the next worker, and as a sentence.
    place: int | None
    place_message: str | None
    #: The hours in which it works, as a text, and how it stands with them, as a sentence.
    window: str | None
    hours_message: str | None
    #: When they begin, of a job outside them.
    opens_at: float | None
    #: When it should be done.
    deadline: float | None
    #: It will not be done by then, or was not; that as a sentence; and with how many workers it would be.
    late: bool
    late_message: str | None
    workers_needed: int | None
    #: It was moved to the front of its priority.
    first: bool
    #: What of each photo is an item: `swatches`; None: the photo.
    split: str | None


def shown_job(job: Job, lang: str | None = None) -> ShownJob:
    """A job with its note as a sentence in `lang` (None: see `shared.core.i18n.language`)."""
    found = job.estimate
    # Not `asdict`, which copies every value deeply: with 500 jobs that was a third of the answer's time.
    known: dict[str, Any] = {field.name: getattr(job, field.name) for field in fields(job)} | {
        "done_at": found and found.done_at,
        "done_between": found and (found.earliest, found.latest),
        "with_another_worker": found and found.with_another,
        "waiting_for": job.waiting_for,
        # The true bytes of a path may be no UTF-8.
        "path": job.path and readable(job.path),
        "message": note_sentence(job, lang),
        "left_out_message": left_out_sentence(job.left_out, lang),
        "place_message": place_sentence(job, lang),
        "opens_at": job.opens_at,
        "late": job.late,
        "first": job.first is not None,
        "late_message": late_sentence(job, lang),
        "workers_needed": workers_that_help(job),
        "hours_message": hours_sentence(job, lang),
    }
    shown: ShownJob = {name: known[name] for name in ShownJob.__annotations__}  # type: ignore[assignment]
    return shown
