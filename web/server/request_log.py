"""One line of the log for each request: who asked for what, and how it ended. No addresses' values, no bodies, no keys.

What only Flask knows (route, visitor, job, code of a refusal) it notes in `environ`; the front writes the line when
the last byte has gone. `X-Request-Id` carries the same id to the client.
"""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import structlog
from apiflask import APIFlask
from flask import Response, g, request

from shared.core import measuring
from shared.core.settings import Settings
from web.access.visitor import visitor
from web.noted import Noted, noted_of

_log = structlog.get_logger(__name__)

#: With `WEFT_LOG_REQUESTS=sampled`, one in so many of what asks by itself is logged: probes, polls, files, thumbnails.
SAMPLE = 100
#: nginx's status for a client that went away before the answer had gone out.
CLIENT_GONE = 499
_JOB = re.compile(r"[A-Za-z0-9]{1,40}")
#: What a page loads beside itself.
_PARTS = ("static", "items.thumbnail", "items.photo_thumbnail")


class RequestLog:
    """Of one web process."""

    def __init__(self, settings: Settings) -> None:
        self._which = settings.log_requests
        self._quiet = itertools.count()

    def write(self, noted: Noted) -> None:
        """Counts a request that has ended; its line, if the setting wants it."""
        seconds = time.monotonic() - noted.began
        measuring.request(noted.method, noted.route, noted.status, seconds)
        failed = noted.status >= 400
        if self._which == "off" or (self._which == "errors" and not failed):
            return
        sampled = self._which == "sampled" and noted.quiet and not failed
        if sampled and next(self._quiet) % SAMPLE:
            return
        told: dict[str, Any] = {
            "request": noted.id,
            "method": noted.method,
            "route": noted.route,
            "status": noted.status,
            "ms": round(1000 * seconds, 1),
            "bytes": noted.bytes,
        }
        told |= {name: value for name in ("name", "via", "job", "code") if (value := getattr(noted, name))}
        if sampled:
            told["sample"] = SAMPLE
        level = _log.error if noted.status >= 500 and noted.status != 503 else _log.info
        level("request", **told)


def init_app(app: APIFlask) -> None:
    """To be called first: what it notes includes what all others did."""

    @app.after_request
    def note(response: Response) -> Response:
        noted = noted_of(request.environ)
        if noted is None:
            return response
        noted.route = request.url_rule.rule if request.url_rule else "-"
        noted.quiet = noted.quiet or request.endpoint in _PARTS or response.status_code == 304
        found = visitor()
        if found is not None:
            noted.name, noted.via = found.name, found.via
        job = str((request.view_args or {}).get("job_id") or g.get("acted_on") or "")
        noted.job = job if _JOB.fullmatch(job) else ""
        return response
