"""What pages call the ledger's states, presets and failures, and how they write times and amounts."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.core.i18n import LazyText as _l
from shared.core.i18n import gettext as _
from shared.core.i18n import ngettext
from shared.core.names import readable
from shared.encoder import demo
from shared.jobs.comparison import Change
from shared.jobs.model import Job, Priority
from shared.jobs.result_filters import ANY_DEFECT
from shared.jobs.reviews import ReviewState
from shared.photos.colour_names import COLOUR_NAMES
from shared.ranking.model import PRESETS, Verdict
from web.i18n import format_decimal, format_percent

VERDICTS = {
    Verdict.LABEL: _l("Recognised"),
    Verdict.UNSURE: _l("Unsure"),
    Verdict.NOT_IN_BANK: _l("Not in bank"),
}

REVIEWS = {
    ReviewState.CONFIRMED: _l("Confirmed"),
    ReviewState.CORRECTED: _l("Corrected"),
    ReviewState.REJECTED: _l("Not a fabric"),
}

PRESET_WORDS = {
    "development": (_l("Development"), _l("For testing: compares few classes.")),
    "realtime": (_l("Quick"), _l("Fastest results, for a quick look at a few photos.")),
    "standard": (_l("Standard"), _l("A good balance for everyday uploads.")),
    "precise": (_l("Precise"), _l("Compares more classes, each with at least five samples.")),
}

PRIORITIES = {
    Priority.HIGH: _l("High"),
    Priority.NORMAL: _l("Normal"),
    Priority.LOW: _l("Low"),
}

#: What became of a photo's answer in a second run.
RUN_CHANGES = {
    Change.SAME: _l("Unchanged"),
    Change.CLASS: _l("Another class"),
    Change.RECOGNISED: _l("Now recognised"),
    Change.UNSURE: _l("Now unsure"),
    Change.NOT_IN_BANK: _l("Now not in bank"),
    Change.FAILED: _l("Now failed"),
    Change.NOT_FAILED: _l("No longer failed"),
    Change.ONLY_FIRST: _l("Only in the first job"),
    Change.ONLY_SECOND: _l("Only in the second job"),
}

#: Of a collection's run: kind of files → words.
CHANGED = {
    "new": _l("New:"),
    "changed": _l("Changed:"),
    "gone": _l("No longer there:"),
    "duplicates": _l("Same content as another:"),
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
    "card_changed": (_l("Swatch card was changed"), _l("Classify its folder again.")),
    "outside_roots": (
        _l("Outside the allowed folders"),
        _l("Move the photos, or allow their folder."),
    ),
    "poison": (_l("Crashed while being read"), _l("These photos are unusual; export them again.")),
    "photo_too_costly": (
        _l("Takes too much memory or time"),
        _l("Save them smaller, as ordinary JPEG or PNG."),
    ),
    "timeout": (_l("Timed out"), _l("Retry; if it fails again, save them smaller.")),
}

#: Hexadecimal code of each colour by which photos are filtered.
SWATCHES = {name: code for code, name in reversed(COLOUR_NAMES.items())}

#: What is wrong with photos that should be taken again, by their codes.
DEFECTS = {
    ANY_DEFECT: _l("should be taken again"),
    "blurred": _l("blurred"),
    "overexposed": _l("overexposed"),
    "dark": _l("too dark"),
    "glare": _l("glare"),
    "far": _l("too far away"),
    "several": _l("several cloths"),
    "no_fabric": _l("no fabric structure"),
    "tiny": _l("too few pixels"),
}

#: What a job waits for → its state in words.
WAITING = {
    "worker": _l("Waiting: no worker ready"),
    "model": _l("Waiting: no worker has its model"),
    "folder": _l("Waiting: folder not accessible"),
    "bank": _l("Waiting: bank cannot be used"),
    "index": _l("Waiting: bank server away"),
    "storage": _l("Waiting: storage not accessible"),
    "trouble": _l("Waiting: workers have a problem"),
}


#: Models that have a name in words.
MODELS = {demo.NAME: _l("demo (trained on rendered fabrics only)")}


def model(name: str) -> str:
    """A model's name in the visitor's language, where it is made of words; several are joined by ` + `."""
    return " + ".join(str(MODELS.get(part, part)) for part in name.split(" + "))


def state(job: Job) -> str:
    """The job's state; one that cannot move does not read as if it did."""
    return str(WAITING[job.waiting_for] if job.waiting_for else _(job.rule.label))


def place(job: Job) -> str:
    """A queued job's place in the line, in few words; nothing for all others."""
    if job.place is None:
        return ""
    return _("Next in the queue") if job.place == 1 else _("Position %(place)s in the queue", place=job.place)


def duration(seconds: float) -> str:
    """A time span as people say it; one unit is enough."""
    if seconds < 90:
        count = max(1, round(seconds))
        return ngettext("%(num)d second", "%(num)d seconds", count)
    if seconds < 90 * 60:
        return ngettext("%(num)d minute", "%(num)d minutes", round(seconds / 60))
    if seconds < 36 * 3600:
        return ngettext("%(num)d hour", "%(num)d hours", round(seconds / 3600))
    return ngettext("%(num)d day", "%(num)d days", round(seconds / 86400))


def iso(seconds: float) -> str:
    """For `<time datetime>`; the browser shows it in its own time zone."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        # A year beyond the calendar in one row must not take down the page that lists it.
        return ""


def day(seconds: float) -> str:
    """A date and time where no `<time>` can stand, in UTC."""
    return iso(seconds)[:16].replace("T", " ")


def rate(per_second: float) -> str:
    digits = "#,##0.0" if per_second < 10 else "#,##0"
    return _("%(count)s photos/s", count=format_decimal(per_second, digits))


def number(value: float) -> str:
    return format_decimal(round(value))


def percent(share: float) -> str:
    """Never 100 % of something that is not certain."""
    return format_percent(min(share, 0.99) if share < 1 else share, "#,##0%")


def megabytes(value: float) -> str:
    if value >= 1024:
        return f"{format_decimal(value / 1024, '#,##0.0')} GB"
    return f"{format_decimal(value, '#,##0')} MB"


#: What templates know.
FILTERS = {
    "duration": duration,
    "iso": iso,
    "day": day,
    "rate": rate,
    "number": number,
    "percent": percent,
    "megabytes": megabytes,
    "model": model,
    "state": state,
    "place": place,
    "readable": readable,
}
GLOBALS = {
    "VERDICTS": VERDICTS,
    "REVIEWS": REVIEWS,
    "PRESETS": PRESETS,
    "PRESET_WORDS": PRESET_WORDS,
    "REMEDIES": REMEDIES,
    "SWATCHES": SWATCHES,
    "PRIORITIES": PRIORITIES,
    "RUN_CHANGES": RUN_CHANGES,
    "CHANGED": CHANGED,
    "DEFECTS": DEFECTS,
}
