"""When a collection's runs begin: a time of day on days of the week, or what a cron expression says, in a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.core.documents import Document
from shared.core.errors import InvalidRequest
from shared.core.window import DAYS, days_of, moment_of, zone_of

#: Characters of a cron expression.
MAX_CRON = 200
_TIME = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")


class Schedule(Document):
    """`at` is HH:MM; `days` names of `DAYS`, none: every day; `zone` an IANA name, empty: the server's own zone.

    `cron` takes the place of both where it is not empty: five fields, e.g. `30 22 * * mon-fri`.
    """

    at: str = ""
    days: tuple[str, ...] = ()
    zone: str = ""
    cron: str = ""

    @property
    def is_none(self) -> bool:
        """Nothing is scheduled by it."""
        return not self.at.strip() and not self.cron.strip()


def parsed(at: str, days: str | tuple[str, ...] = (), zone: str = "", cron: str = "") -> Schedule:
    """A schedule as people write it: `22:00` and `mon-fri`, `sat,sun` or nothing; or a cron expression.

    Raises InvalidRequest (`schedule_time`, `schedule_days`, `schedule_zone`, `schedule_cron`).
    """
    if cron.strip():
        if at.strip() or days:
            raise InvalidRequest("schedule_cron_alone")
        zone_of(zone.strip())
        made = Schedule(cron=" ".join(cron.lower().split()), zone=zone.strip())
        _next_cron(made, 0.0)
        return made
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
    if schedule.cron:
        return _next_cron(schedule, after)
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
    if schedule.cron:
        moment = _last_cron(schedule, now)
        return moment if moment is not None and moment > after else None
    due = next_after(schedule, max(after, now - 8 * 86400))
    found = None
    while due <= now:
        found, due = due, next_after(schedule, due)
    return found


def _next_cron(schedule: Schedule, after: float) -> float:
    """Raises InvalidRequest (`schedule_cron`), also where the expression names no day of the next decades."""
    for moment in _moments(schedule, after, back=False):
        # A time that the clock repeats may be told once more.
        if moment > after:
            return moment
    raise InvalidRequest("schedule_cron", cron=schedule.cron[:60])


def _last_cron(schedule: Schedule, now: float) -> float | None:
    """The last moment that is not behind `now`."""
    # A second later, as the beginning itself is left out.
    return next((moment for moment in _moments(schedule, now + 1, back=True) if moment <= now), None)


def _moments(schedule: Schedule, start: float, back: bool) -> Iterator[float]:
    """From `start` on, or before it, as Debian's cron has them where the clock changes."""
    # Loaded where it is used: most installations have no such schedule.
    from cronsim import CronSim, CronSimError

    if len(schedule.cron.split()) != 5 or len(schedule.cron) > MAX_CRON:
        raise InvalidRequest("schedule_cron", cron=schedule.cron[:60])
    try:
        for found in CronSim(schedule.cron, datetime.fromtimestamp(start, zone_of(schedule.zone)), reverse=back):
            yield found.timestamp()
    except (CronSimError, OverflowError) as error:
        raise InvalidRequest("schedule_cron", cron=schedule.cron[:60]) from error


def server_zone() -> tuple[str, str]:
    """The server's own zone and time, for people: (`UTC+08:00`, `22:00`)."""
    now = datetime.now().astimezone()
    offset = now.strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}", now.strftime("%H:%M")
