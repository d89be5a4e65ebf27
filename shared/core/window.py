"""Hours of the day in which something may work, in a time zone: `20:00-07:00 mon-fri Asia/Shanghai`. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from datetime import time as time_of_day
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.core.errors import InvalidRequest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"([01]?\d|2[0-4])[:：]([0-5]\d)"
_SPAN = re.compile(rf"{_TIME}\s*[-–—]\s*{_TIME}")
_CLOCK = re.compile(_TIME)
#: The longest text of a window.
MAX_TEXT = 120


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`, minutes after midnight (0…1440), over midnight where `end` is not later."""

    start: int
    end: int
    #: Names of `DAYS` on which it opens; none: every day.
    days: tuple[str, ...] = ()
    #: An IANA name; empty: the server's own.
    zone: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.hours, ",".join(runs(self.days)), self.zone)))

    @property
    def starts(self) -> str:
        """`20:00`."""
        return clock_text(self.start)

    @property
    def ends(self) -> str:
        """`07:00`; midnight at the end of a day is `00:00`, as fields of forms have it."""
        return clock_text(self.end % 1440)

    @property
    def hours(self) -> str:
        """`20:00-07:00`."""
        return f"{clock_text(self.start)}-{clock_text(self.end)}"


def runs(days: tuple[str, ...]) -> list[str]:
    """Days in their order as people write them: `mon-fri` for three and more that follow one another."""
    found: list[list[str]] = []
    for day in days:
        if found and DAYS.index(found[-1][-1]) + 1 == DAYS.index(day):
            found[-1].append(day)
        else:
            found.append([day])
    return [part for run in found for part in ([f"{run[0]}-{run[-1]}"] if len(run) > 2 else run)]


def parsed(text: str, zone: str = "") -> Window:
    """A window as people write it: the hours, then days (`mon-fri`, `sat,sun`) and a zone where they are wished.

    `zone`: where the text names none. Raises InvalidRequest (`window_hours`, `schedule_days`, `schedule_zone`).
    """
    found = _SPAN.match(text.strip())
    if not found or len(text) > MAX_TEXT:
        raise InvalidRequest("window_hours", hours=text[:40])
    start, end = _minutes(found[1], found[2], text), _minutes(found[3], found[4], text)
    if start == end or start == 1440:
        raise InvalidRequest("window_hours", hours=text[:40])
    words = text.strip()[found.end() :].split()
    # A zone is the last word and no day; `UTC` and `Asia/Shanghai` alike.
    if words and words[-1].lower().partition("-")[0].partition(",")[0][:3] not in DAYS:
        zone = words.pop()
    zone_of(zone.strip())
    return Window(start, end, days_of(",".join(words)), zone.strip())


def _minutes(hour: str, minute: str, text: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if minutes > 1440:
        raise InvalidRequest("window_hours", hours=text[:40])
    return minutes


@lru_cache(256)
def known(text: str) -> Window | None:
    """The window of a text that was accepted once; None of one that only another version can read."""
    try:
        return parsed(text)
    except InvalidRequest:
        return None


def time_and_zone(text: str, zone: str = "") -> str:
    """A time of day as people write it, `7:00` or `07:00 Asia/Shanghai`, in its one form. Raises InvalidRequest."""
    clock, _, named = text.strip().partition(" ")
    found = _CLOCK.fullmatch(clock)
    if not found or int(found[1]) > 23:
        raise InvalidRequest("schedule_time", time=text[:40])
    named = named.strip() or zone.strip()
    zone_of(named)
    return " ".join(filter(None, (f"{int(found[1]):02}:{found[2]}", named)))


def next_time(text: str, after: float) -> float:
    """The first moment behind `after` (seconds since the epoch) at which a text of `time_and_zone` is reached."""
    clock, _, name = text.partition(" ")
    zone, minutes = zone_of(name), int(clock[:2]) * 60 + int(clock[3:5])
    day = datetime.fromtimestamp(after, zone).date()
    while (moment := moment_of(day, minutes, zone)) <= after:
        day += timedelta(days=1)
    return moment


def spans(window: Window, after: float) -> Iterator[tuple[float, float]]:
    """When it is open, (from, to) in seconds since the epoch: the stretch that holds `after` first, then those to come.

    A change of the clock in between makes a stretch an hour longer or shorter; what it skips comes an hour later.
    """
    zone = zone_of(window.zone)
    over_midnight = window.end <= window.start
    day = datetime.fromtimestamp(after, zone).date() - timedelta(days=1)
    before = float("-inf")
    while True:
        if not window.days or DAYS[day.weekday()] in window.days:
            start = moment_of(day, window.start, zone)
            end = moment_of(day + timedelta(days=1) if over_midnight else day, window.end, zone)
            # Its end may lie before its start where the clock skips the hour between.
            if end > max(after, start) and end > before:
                yield max(start, before), end
                before = end
        day += timedelta(days=1)


def opens(window: Window, now: float) -> float | None:
    """When it opens next; None: it is open now."""
    start, _ = next(spans(window, now))
    return start if start > now else None


def closes(window: Window, now: float) -> float | None:
    """When it closes; None: it is closed now."""
    start, end = next(spans(window, now))
    return end if start <= now else None


def after_open(window: Window, now: float, seconds: float) -> float:
    """The moment at which it has been open for so many seconds, counted from `now` on."""
    if seconds <= 0:
        return now
    for start, end in spans(window, now):
        begins = max(start, now)
        if seconds <= end - begins:
            return begins + seconds
        seconds -= end - begins
        if end - now > _FAR:
            break
    # So far ahead, the share of open hours says enough.
    return now + _FAR + seconds * _FAR / max(1.0, open_seconds(window, now, now + _FAR))


#: Seconds that are looked ahead, stretch by stretch.
_FAR = 60 * 86400.0


def open_seconds(window: Window, now: float, until: float) -> float:
    """Seconds for which it is open between two moments."""
    total = 0.0
    for start, end in spans(window, now):
        if start >= until:
            break
        total += max(0.0, min(end, until) - max(start, now))
    return total


def moment_of(day: date, minutes: int, zone: tzinfo | None) -> float:
    """A time of day in seconds since the epoch. One that a change of the clock skips comes an hour later, of one that
    it repeats it is the first."""
    at = datetime.combine(day + timedelta(days=minutes // 1440), time_of_day(minutes % 1440 // 60, minutes % 60), zone)
    # Without a zone, `timestamp` takes the server's own.
    return at.timestamp()


def days_of(days: str | Iterable[str]) -> tuple[str, ...]:
    """`mon-fri`, `sat,sun` as names of `DAYS` in their order; none for every day. Raises InvalidRequest."""
    words = days.split(",") if isinstance(days, str) else days
    chosen: set[str] = set()
    for word in filter(None, (one.strip().lower() for one in words)):
        first, _, last = (part.strip()[:3] for part in word.partition("-"))
        if first not in DAYS or (last or first) not in DAYS:
            raise InvalidRequest("schedule_days", days=word[:40])
        start, end = DAYS.index(first), DAYS.index(last or first)
        # `fri-mon` goes over the week's end.
        chosen |= {DAYS[day % 7] for day in range(start, end + 1 if end >= start else end + 8)}
    return tuple(day for day in DAYS if day in chosen) if len(chosen) < 7 else ()


def clock_text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def zone_of(name: str) -> tzinfo | None:
    """The zone of this name; None, the server's own, for an empty one. Raises InvalidRequest (`schedule_zone`)."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidRequest("schedule_zone", zone=name[:60]) from error
