"""Times on the command line."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from shared.core.errors import InvalidRequest
from shared.core.i18n import gettext as _
from shared.core.start_time import start_time


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
