"""Sends one message to one receiver, and knows all receivers that the settings name."""

from __future__ import annotations

import urllib.error
import urllib.request

from shared.core.settings import Settings
from shared.jobs.mail import MailTarget, mail_target, send_mail
from shared.jobs.webhook_targets import Target, Told, refused, request_for, targets

#: Seconds for a receiver to answer.
_TIMEOUT = 15.0


def all_targets(settings: Settings) -> list[Target | MailTarget]:
    """Webhooks and mail. Raises InvalidRequest."""
    mail = mail_target(settings)
    return [*targets(settings.webhooks.get_secret_value()), *([mail] if mail else [])]


def send(target: Target | MailTarget, told: Told) -> str | None:
    """One POST, or one mail; returns why it failed, None for success."""
    if isinstance(target, MailTarget):
        return send_mail(target, told)
    url, data, headers = request_for(target, told)
    request = urllib.request.Request(url, data, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            return refused(target, answer.status, answer.read(65536))
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))[:200]
