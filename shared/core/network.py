"""Whether other machines reach the pages, and whether they should."""

from __future__ import annotations

import ipaddress

from shared.core.api_keys import Keys
from shared.core.messages import sentence
from shared.core.settings import Settings


def is_loopback(host: str) -> bool:
    """Whether a server that listens there is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def open_to_network(settings: Settings) -> str | None:
    """A warning where other machines reach the pages and no key is needed."""
    if is_loopback(settings.host) or Keys.of(settings).required():
        return None
    return sentence("open_to_network", host=settings.host)
