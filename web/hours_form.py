"""The fields of forms that say in which hours something works, and by when it should be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

#: What `parts/hours_fields.html` sends.
HOURS_FIELDS = ("window_from", "window_to", "window_days", "zone", "deadline")


def window_text(form: Mapping[str, str]) -> str:
    """The window as the API takes it; empty where neither of its ends is given."""
    start, end = (form.get(name, "").strip() for name in ("window_from", "window_to"))
    if not start and not end:
        return ""
    # As a field says the end of a day.
    end = "24:00" if end == "00:00" else end
    rest = (form.get(name, "").strip() for name in ("window_days", "zone"))
    return " ".join(filter(None, (f"{start}-{end}", *rest)))


def local_time(form: Mapping[str, str], name: str) -> datetime:
    """A field's time, which is the visitor's; `timezone` holds its offset from UTC in minutes, as in JavaScript.

    Raises ValueError, OverflowError.
    """
    zone = timezone(timedelta(minutes=-int(form["timezone"]))) if "timezone" in form else None
    return datetime.fromisoformat(form[name]).replace(tzinfo=zone)
