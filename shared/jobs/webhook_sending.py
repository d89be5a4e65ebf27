"""Sends one message to one receiver."""

from __future__ import annotations

import urllib.error
import urllib.request

from shared.jobs.webhook_targets import Target, Told, refused, request_for

#: Seconds for a receiver to answer.
_TIMEOUT = 15.0


def send(target: Target, told: Told) -> str | None:
    """One POST; returns why it failed, None for success."""
    url, data, headers = request_for(target, told)
    request = urllib.request.Request(url, data, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            return refused(target, answer.status, answer.read(65536))
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))[:200]
