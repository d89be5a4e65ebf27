"""Why a job does not move, and what it left out, as sentences."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from shared.core.i18n import N_
from shared.core.i18n import gettext as _
from shared.core.messages import sentence
from shared.core.names import readable
from shared.core.window import DAYS, Window, closes, opens, runs, zone_of
from shared.jobs.model import Job
from shared.photos import clutter

_DAYS = dict(zip(DAYS, (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun")), strict=True))
#: Seconds ahead for which a time of day says enough.
_CLOCK_SECONDS = 20 * 3600.0
#: Kinds that are named one by one.
_NAMED = 8


def note_sentence(job: Job, lang: str | None = None) -> str | None:
    """Why the job does not move, or what its end was; None where there is nothing to say."""
    if not job.note:
        return None
    path = job.path and readable(job.path)
    # What was left out is said beside the note.
    return sentence(job.note, lang, **{"model": job.model, "path": path, "left_out": "", **job.note_detail}).strip()


def place_sentence(job: Job, lang: str | None = None) -> str | None:
    """Where a queued job stands in the line; None for all others."""
    if job.place is None:
        return None
    if job.waiting_for:
        # What it waits for is said beside it.
        if job.place == 1:
            return _("Next in the queue", lang)
        return _("Position %(place)s in the queue", lang, place=job.place)
    if job.place == 1:
        return _("Next in the queue: starts as soon as a worker is free.", lang)
    words = _("Position %(place)s in the queue. Jobs take turns: it need not wait until the others are finished.", lang)
    return words % {"place": job.place}


def hours_sentence(job: Job, lang: str | None = None) -> str | None:
    """How a job stands with its window: when it opens or closes; None without one, and of a job that has ended."""
    hours, now = job.hours, time.time()
    if hours is None or job.ended:
        return None
    words = window_words(hours, lang)
    if job.rule.opens_itself:
        told = _("Waits until %(time)s; works %(hours)s.", lang)
        return told % {"time": _at(opens(hours, now) or now, hours.zone, now), "hours": words}
    if job.anyway and (begins := opens(hours, now)) is not None:
        told = _("Works outside its hours (%(hours)s) until they begin at %(time)s.", lang)
        return told % {"time": _at(begins, hours.zone, now), "hours": words}
    ends = closes(hours, now) if job.rule.claimable else None
    if ends is None:
        return _("Works %(hours)s; waits outside these hours.", lang, hours=words)
    told = _("Works %(hours)s; waits from %(time)s on.", lang)
    return told % {"time": _at(ends, hours.zone, now), "hours": words}


def late_sentence(job: Job, lang: str | None = None) -> str | None:
    """That a job will not be done by its deadline, or was not, and what would help; None where it is not late.

    Times are of this machine's zone.
    """
    if not job.late or job.deadline is None:
        return None
    now, found = time.time(), job.estimate
    by = _at(job.deadline, "", now)
    if job.ended:
        return _("Done after its deadline (%(by)s).", lang, by=by)
    if found is None or job.deadline < now:
        told = _("Late: it should be done by %(by)s.", lang, by=by)
    else:
        told = _("Will be late: expected at %(end)s, to be done by %(by)s.", lang)
        told %= {"end": _at(found.done_at, "", now), "by": by}
    if helping := workers_that_help(job):
        told += " " + _("With %(workers)s workers as fast as these it would be done in time.", lang, workers=helping)
    return told


def workers_that_help(job: Job) -> int | None:
    """How many workers would have a late job done in time; None where no number would, or it is not late."""
    found = job.estimate
    if not found or job.ended or not job.late or found.needed is None or found.needed <= found.workers:
        return None
    return found.needed


def window_words(window: Window, lang: str | None = None) -> str:
    """A window for people: `20:00-07:00 Mon-Fri (Asia/Shanghai)`."""
    days = ", ".join("-".join(_(_DAYS[day], lang) for day in run.split("-")) for run in runs(window.days))
    return " ".join(filter(None, (window.hours, days, f"({window.zone})" if window.zone else "")))


def _at(moment: float, zone: str, now: float) -> str:
    """A time of day, of a later day with the date, in this zone."""
    at = datetime.fromtimestamp(moment, zone_of(zone))
    return at.strftime("%H:%M" if moment - now < _CLOCK_SECONDS else "%Y-%m-%d %H:%M")


def left_out_sentence(left_out: Mapping[str, int], lang: str | None = None) -> str | None:
    """What was no photo, by kind: “Left out: 12 .xmp, 3 .mp4.”; None where there is nothing to tell."""
    kinds = clutter.told(left_out)
    if not kinds:
        return None
    parts = [_kind(kind, number, lang) for kind, number in kinds[:_NAMED]]
    if rest := sum(number for _kind_, number in kinds[_NAMED:]):
        parts.append(_kind(clutter.OTHERS, rest, lang))
    return _("Left out: %(kinds)s.", lang, kinds=_(", ", lang).join(parts))


def _kind(kind: str, number: int, lang: str | None) -> str:
    if kind == clutter.NO_ENDING:
        return _("%(count)s without an extension", lang, count=number)
    if kind == clutter.UNREADABLE_FOLDER:
        return _("%(count)s unreadable folders", lang, count=number)
    if kind == clutter.OTHERS:
        return _("%(count)s others", lang, count=number)
    return _("%(count)s %(kind)s", lang, count=number, kind=kind)
