"""When a collection's runs begin: a time of day on chosen days of the week, in a time zone."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from shared.core.documents import Document
from shared.core.errors import InvalidRequest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
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
    words = days.split(",") if isinstance(days, str) else days
    chosen: set[str] = set()
    for word in filter(None, (one.strip().lower() for one in words)):
        first, _, last = (part.strip()[:3] for part in word.partition("-"))
        if first not in DAYS or (last or first) not in DAYS:
            raise InvalidRequest("schedule_days", days=word[:40])
        start, end = DAYS.index(first), DAYS.index(last or first)
        # `fri-mon` goes over the week's end.
        chosen |= {DAYS[day % 7] for day in range(start, end + 1 if end >= start else end + 8)}
    named = tuple(day for day in DAYS if day in chosen) if len(chosen) < 7 else ()
    _zone(zone.strip())
    return Schedule(at=f"{int(found[1]):02}:{found[2]}", days=named, zone=zone.strip())


def next_after(schedule: Schedule, after: float) -> float:
    """The first moment behind `after` at which a run is due; both in seconds since the epoch.

    A time that a change of the clock skips comes an hour later, one that it repeats comes once.
    """
    zone = _zone(schedule.zone)
    hour, minute = map(int, schedule.at.split(":"))
    day = datetime.fromtimestamp(after, zone).date()
    while True:
        if not schedule.days or DAYS[day.weekday()] in schedule.days:
            # Without a zone, `timestamp` takes the server's own.
            moment = datetime.combine(day, time(hour, minute), zone).timestamp()
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


def server_zone() -> tuple[str, str]:
    """The server's own zone and time, for people: (`UTC+08:00`, `22:00`)."""
    now = datetime.now().astimezone()
    offset = now.strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}", now.strftime("%H:%M")


def _zone(name: str) -> tzinfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidRequest("schedule_zone", zone=name[:60]) from error
