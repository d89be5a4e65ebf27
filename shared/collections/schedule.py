"""When a collection's runs begin: a time of day on chosen days of the week, in a time zone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from shared.core.documents import Document
from shared.core.errors import InvalidRequest
from shared.core.window import DAYS, days_of, moment_of, zone_of

_TIME = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")


class Schedule(Document):
    """`at` is HH:MM; `days` names of `DAYS`, none: every day; `zone` an IANA name, empty: the server's own zone."""

    at: str
    days: tuple[str, ...] = ()
    zone: str = ""


def parsed(at: str, days: str | tuple[str, ...] = (), zone: str = "") -> Schedule:
    """A schedule as people write it: `22:00` and `mon-fri`, `sat,sun` or nothing.

    Raises InvalidRequest (`schedule_time`, `schedule_days`, `schedule_zone`).
    """
    found = _TIME.fullmatch(at.strip())
    if not found:
        raise InvalidRequest("schedule_time", time=at[:40])
    named = days_of(days)
    zone_of(zone.strip())
    return Schedule(at=f"{int(found[1]):02}:{found[2]}", days=named, zone=zone.strip())


def next_after(schedule: Schedule, after: float) -> float:
    """The first moment behind `after` at which a run is due; both in seconds since the epoch.

    A time that a change of the clock skips comes an hour later, one that it repeats comes once.
    """
    zone = zone_of(schedule.zone)
    hour, minute = map(int, schedule.at.split(":"))
    day = datetime.fromtimestamp(after, zone).date()
    while True:
        if not schedule.days or DAYS[day.weekday()] in schedule.days:
            moment = moment_of(day, hour * 60 + minute, zone)
            if moment > after:
                return moment
        day += timedelta(days=1)


def last_due(schedule: Schedule, after: float, now: float) -> float | None:
    """The last moment in (`after`, `now`] at which a run was due: what was missed meanwhile is caught up once."""
    due = next_after(schedule, max(after, now - 8 * 86400))
    found = None
    while due <= now:
        found, due = due, next_after(schedule, due)
    return found
