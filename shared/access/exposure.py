"""Whether other machines reach the pages without a key, and whether that is wanted."""

from __future__ import annotations

from shared.access.keys import Keys
from shared.core.errors import Conflict
from shared.core.messages import sentence
from shared.core.network import is_loopback
from shared.core.settings import Settings


def closed(settings: Settings) -> bool:
    """Whether a request needs a key, or a user that a trusted proxy names."""
    return bool(settings.auth_header) or Keys.of(settings).required()


def check_exposure(settings: Settings) -> str | None:
    """A warning where other machines reach the pages without a key because WEFT_OPEN says so.

    Raises Conflict (`open_refused`) where nobody said so.
    """
    if is_loopback(settings.host) or closed(settings):
        return None
    if not settings.open:
        raise Conflict("open_refused", host=settings.host)
    return sentence("open_to_network", host=settings.host)
