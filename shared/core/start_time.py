"""When a job may start, and when it should be done: from now on, for a year."""

from __future__ import annotations

import time
from datetime import datetime

from shared.core.errors import InvalidRequest

#: A start that is past at once means now; one that lies further back is a slip of the pen.
PAST_SECONDS = 86400.0
AHEAD_SECONDS = 366 * 86400.0


def start_time(wished: datetime | float | None) -> float | None:
    """Seconds since the epoch; a time without a zone is this machine's. Raises InvalidRequest("start_out_of_range")."""
    if wished is None:
        return None
    now, moment = time.time(), _moment(wished, "start_out_of_range")
    if not now - PAST_SECONDS <= moment <= now + AHEAD_SECONDS:
        raise InvalidRequest("start_out_of_range")
    return moment


def deadline(wished: datetime | float | None, starts: float | None = None) -> float | None:
    """Likewise, of the time by which a job that `starts` then should be done.

    Raises InvalidRequest("deadline_out_of_range").
    """
    if wished is None:
        return None
    now, moment = time.time(), _moment(wished, "deadline_out_of_range")
    if not max(now, starts or 0.0) < moment <= now + AHEAD_SECONDS:
        raise InvalidRequest("deadline_out_of_range")
    return moment


def _moment(wished: datetime | float, code: str) -> float:
    try:
        return wished.timestamp() if isinstance(wished, datetime) else float(wished)
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(code) from None
