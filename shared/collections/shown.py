"""Collections and runs as API, pages and command line show them: the same numbers, and the same words for people."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from shared.collections.collection import Collection
from shared.collections.index import Index
from shared.collections.runs import Run, RunState
from shared.collections.schedule import next_after
from shared.collections.store import Collections
from shared.collections.watching import Watching
from shared.core.errors import NotFound
from shared.core.i18n import N_, gettext
from shared.core.messages import sentence
from shared.jobs.ledger import Ledger

#: What a run counted, in the order in which people read it.
WORDS = {
    "new": N_("%(count)s new"),
    "changed": N_("%(count)s changed"),
    "again": N_("%(count)s without a result so far, tried again"),
    "moved": N_("%(count)s moved or renamed (result kept)"),
    "moved_later": N_("%(count)s known from another place (result kept)"),
    "touched": N_("%(count)s with a new date but the same content (result kept)"),
    "back": N_("%(count)s back again (result kept)"),
    "gone": N_("%(count)s no longer there"),
    "writing": N_("%(count)s still being written (left for the next run)"),
    "unread": N_("%(count)s could not be copied from the bucket (left for the next run)"),
    "older": N_("%(count)s older than the chosen day (not taken)"),
    "duplicates": N_("%(count)s with the same content as another photo"),
    "variants": N_("%(count)s with a name that differs from another one only in case or Unicode form (each counts)"),
    "parts": N_("%(count)s unreadable folders (what is known of their photos stays)"),
    "excluded": N_("%(count)s left out by the rules"),
    "unchanged": N_("%(count)s unchanged"),
}
STATES = {
    RunState.WAITING: N_("Waiting for the dispatcher"),
    RunState.LOOKING: N_("Looking for new photos"),
    RunState.SUBMITTING: N_("Submitting"),
    RunState.RUNNING: N_("Classifying"),
    RunState.DONE: N_("Finished"),
    RunState.LOOKED: N_("Only looked"),
    RunState.REFUSED: N_("Not done"),
}
#: Runs that may tell how quick a site is, and photos at least of a job whose rate does.
TELLING_RUNS, _TELLING = 20, 20


@dataclass(frozen=True, slots=True)
class Overview:
    """A collection with what is known of it now."""

    collection: Collection
    #: Files that are `present`, and those that are `gone`.
    known: dict[str, int]
    #: Newest first.
    runs: list[Run]
    #: When the schedule begins the next run, in seconds since the epoch.
    next_run: float | None
    #: Of a watched collection, how it is watched, once it is.
    watching: Watching | None = None

    @property
    def active(self) -> Run | None:
        """The run that is under way."""
        return next((run for run in self.runs if run.under_way), None)


def overview(collections: Collections, collection: Collection, runs: int = 1) -> Overview:
    """`runs`: how many of them at most."""
    with collections.index(collection.id) as index:
        return _overview(index, collection, runs)


def _overview(index: Index, collection: Collection, runs: int) -> Overview:
    due = None
    if collection.schedule is not None:
        due = next_after(collection.schedule, max(time.time(), collection.scheduled, index.runs.last_due()))
    watching = index.watching() if collection.watch else None
    return Overview(collection, index.counts(), index.runs.list(runs), due, watching)


def shown_collection(found: Overview, lang: str | None = None) -> dict[str, Any]:
    """A collection as JSON."""
    own = found.collection
    document = own.model_dump(mode="json", include=set(_SHOWN))
    document["rules"] = {name: document["rules"][name] for name in type(own.rules).model_fields}
    if own.schedule is not None:
        document["schedule"] = {name: document["schedule"][name] for name in type(own.schedule).model_fields}
    last = found.runs[0] if found.runs else None
    return {
        **document,
        "files": found.known,
        "next_run": found.next_run,
        "watching": found.watching.how if found.watching else None,
        "waits": waits(found, lang),
        "last_run": shown_run(last, lang=lang) if last else None,
    }


_SHOWN = (
    "id",
    "name",
    "folders",
    "rules",
    "preset",
    "bank",
    "priority",
    "schedule",
    "window",
    "by",
    "watch",
    "created",
    "owner",
)


def waits(found: Overview, lang: str | None = None) -> str | None:
    """Why a watched collection can begin no run now, in words."""
    watching = found.watching
    return sentence(watching.code, lang, **watching.detail) if watching and watching.code else None


def shown_run(run: Run, seconds: float | None = None, lang: str | None = None) -> dict[str, Any]:
    """A run as JSON; `seconds`: how long it may take."""
    return {
        "id": run.id,
        "state": run.state.value,
        "asked": run.asked,
        "by_schedule": run.due is not None,
        "by_watch": run.watched,
        "owner": run.who,
        "all": run.everything,
        "since": run.since,
        "dry_run": run.dry,
        "began": run.began,
        "ended": run.ended,
        "job": run.job,
        "counts": run.counts,
        "unreadable": run.parts,
        "seconds": seconds,
        "code": run.code,
        "message": " · ".join(told(run, lang)),
    }


def told(run: Run, lang: str | None = None) -> list[str]:
    """What the run found, in words; or why it was not done."""
    if run.code is not None:
        return [sentence(run.code, lang, **run.detail)]
    found = [
        gettext(words, lang, count=f"{run.counts[name]:,}") for name, words in WORDS.items() if run.counts.get(name)
    ]
    if run.counts and not run.counts.get("found"):
        return [gettext("There are no photos in the folders that the rules let through", lang), *found]
    return found if found or not run.counts else [gettext("Nothing new", lang)]


def expected_seconds(ledger: Ledger, runs: list[Run], photos: int) -> float | None:
    """How long so many photos take at the rate of the last run that tells one; None where nothing is known."""
    for run in runs:
        if run.job is None or run.counts.get("chosen", 0) < _TELLING:
            continue
        try:
            job = ledger.find(run.job)
        except NotFound:
            continue
        if job.ended and job.started and job.finished and job.finished > job.started and job.done >= _TELLING:
            return photos * (job.finished - job.started) / job.done
    return None
