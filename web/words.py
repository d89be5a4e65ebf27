"""Plain words for what the ledger says: states, presets, failures with their remedy, times and amounts."""

from __future__ import annotations

from datetime import UTC, datetime

from apiflask import APIFlask
from flask_babel import format_decimal, format_percent, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from shared.core.names import readable
from shared.jobs.model import Job, JobState
from shared.ranking.model import PRESETS, Verdict

STATES = {
    JobState.SCHEDULED: _l("Scheduled"),
    JobState.LISTING: _l("Scanning folder"),
    JobState.QUEUED: _l("Waiting for a worker"),
    JobState.RUNNING: _l("Classifying"),
    JobState.PAUSED: _l("Paused"),
    JobState.FINISHED: _l("Finished"),
    JobState.CANCELLED: _l("Cancelled"),
}

VERDICTS = {
    Verdict.LABEL: _l("Recognised"),
    Verdict.UNSURE: _l("Unsure"),
    Verdict.NOT_IN_BANK: _l("Not in bank"),
}

PRESET_WORDS = {
    "development": (_l("Development"), _l("For testing: compares few classes.")),
    "realtime": (_l("Quick"), _l("Fastest results, for a quick look at a few photos.")),
    "standard": (_l("Standard"), _l("A good balance for everyday uploads.")),
    "precise": (_l("Precise"), _l("Compares more classes, each with at least five samples.")),
}

#: Failure code → (what happened, what to do). Codes that are not here show their own sentence.
REMEDIES = {
    "not_an_image": (
        _l("Not an image"),
        _l("Remove these files, or export them as JPEG or PNG."),
    ),
    "unsupported_format": (
        _l("Unsupported format"),
        _l("Save them as JPEG, PNG, WebP, TIFF or HEIC."),
    ),
    "truncated": (_l("Incomplete or damaged"), _l("Copy or export these photos again.")),
    "empty_file": (_l("Empty file"), _l("The copy failed; copy these photos again.")),
    "too_many_pixels": (
        _l("Too many pixels"),
        _l("Save them smaller: 4,000 pixels per side is plenty."),
    ),
    "too_large": (_l("File too large"), _l("Save them smaller or with stronger compression.")),
    "unreadable": (
        _l("Could not be read"),
        _l("Check the file and its disk, then retry."),
    ),
    "missing_file": (_l("File not found"), _l("Restore the files, then retry.")),
    "outside_roots": (
        _l("Outside the allowed folders"),
        _l("Move the photos, or allow their folder."),
    ),
    "poison": (_l("Crashed the worker"), _l("These photos are unusual; export them again.")),
    "timeout": (_l("Timed out"), _l("Retry; if it fails again, save them smaller.")),
}


#: What a job waits for → its state in words.
WAITING = {
    "worker": _l("Waiting: no worker ready"),
    "model": _l("Waiting: no worker has its model"),
    "folder": _l("Waiting: folder not accessible"),
}


def state(job: Job) -> str:
    """The job's state; one that cannot move does not read as if it did."""
    return str(WAITING[job.waiting_for] if job.waiting_for else STATES[job.state])


def duration(seconds: float) -> str:
    """A time span as people say it; one unit is enough."""
    if seconds < 90:
        count = max(1, round(seconds))
        return str(ngettext("%(num)d second", "%(num)d seconds", count))
    if seconds < 90 * 60:
        return str(ngettext("%(num)d minute", "%(num)d minutes", round(seconds / 60)))
    if seconds < 36 * 3600:
        return str(ngettext("%(num)d hour", "%(num)d hours", round(seconds / 3600)))
    return str(ngettext("%(num)d day", "%(num)d days", round(seconds / 86400)))


def iso(seconds: float) -> str:
    """For `<time datetime>`; the browser shows it in its own time zone."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        # A year beyond the calendar in one row must not take down the page that lists it.
        return ""


def rate(per_second: float) -> str:
    digits = "#,##0.0" if per_second < 10 else "#,##0"
    return str(_("%(count)s photos/s", count=format_decimal(per_second, format=digits)))


def number(value: float) -> str:
    return str(format_decimal(round(value)))


def percent(share: float) -> str:
    """Never 100 % of something that is not certain."""
    return str(format_percent(min(share, 0.99) if share < 1 else share, format="#,##0%"))


def megabytes(value: float) -> str:
    if value >= 1024:
        return f"{format_decimal(value / 1024, format='#,##0.0')} GB"
    return f"{format_decimal(value, format='#,##0')} MB"


def init_app(app: APIFlask) -> None:
    app.jinja_env.filters.update(
        duration=duration,
        iso=iso,
        rate=rate,
        number=number,
        percent=percent,
        megabytes=megabytes,
        state=state,
        readable=readable,
    )
    app.jinja_env.globals.update(VERDICTS=VERDICTS, PRESETS=PRESETS, PRESET_WORDS=PRESET_WORDS, REMEDIES=REMEDIES)
