"""Times on the command line."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import click

from shared.core.errors import InvalidRequest
from shared.core.i18n import gettext as _
from shared.core.start_time import deadline, start_time
from shared.core.window import next_time, parsed, time_and_zone


class Moment(click.ParamType[float]):
    """A time of day (the next one), or a date and time; in seconds since the epoch."""

    name = "HH:MM"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse `22:00` or `2026-05-01 22:00`."""
        if not isinstance(value, str):
            return value
        now = datetime.now()
        try:
            at = datetime.combine(now.date(), datetime.strptime(value, "%H:%M").time())
        except ValueError:
            try:
                return datetime.fromisoformat(value).timestamp()
            except (ValueError, OverflowError):
                text = _("%(value)r must be a time of day such as 22:00, or a date and time", value=value)
                self.fail(text, param, ctx)
        return (at if at > now else at + timedelta(days=1)).timestamp()


class StartTime(Moment):
    """A moment at which a job may start."""

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse as `Moment` does, and check the range."""
        moment = super().convert(value, param, ctx)
        try:
            start_time(moment)
        except InvalidRequest as error:
            self.fail(str(error), param, ctx)
        return moment


#: Takes a deadline away.
NONE = "none"


class Deadline(Moment):
    """A moment by which a job should be done; a time of day is the first one after its start (`due`)."""

    def __init__(self, or_none: bool = False) -> None:
        self._or_none = or_none

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float | str:  # type: ignore[override]
        """The text of a time of day as it is; of anything else the moment."""
        if self._or_none and isinstance(value, str) and value.strip().lower() == NONE:
            return NONE
        moment = super().convert(value, param, ctx)
        return value if isinstance(value, str) and len(value) <= len("HH:MM") else moment


def due(by: float | str | None, starts: float | None) -> float | None:
    """The moment of a `Deadline`, for a job that starts then (None: now). Raises InvalidRequest."""
    if isinstance(by, str):
        by = next_time(time_and_zone(by), max(time.time(), starts or 0.0))
    return deadline(by, starts)


class HoursOfDay(click.ParamType[str]):
    """Hours in which something works; the zone comes with `hours`."""

    name = "HH:MM-HH:MM"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is, once it can be read."""
        try:
            hours(value, "")
        except InvalidRequest as error:
            self.fail(str(error), param, ctx)
        return value


def hours(window: str | None, zone: str) -> str | None:
    """The text of a window in its one form; empty for `none`. Raises InvalidRequest."""
    if window is None or window.strip().lower() in ("", "none"):
        return None if window is None else ""
    return str(parsed(window, zone))
