"""Requests are answered only under names of this server: protection against DNS rebinding.

A web page of somebody else whose name is made to point here would count as same-origin to the visitor's browser. What
such a page cannot choose is the `Host` header: it carries the page's own name.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import Response, request

from shared.core.errors import WeftError
from shared.core.network import is_loopback
from shared.core.settings import Settings
from web.problems import problem

#: They tell nothing but that the product is there, and are asked by whatever name a load balancer knows.
_PROBES = ("/healthz", "/readyz", "/api/v1/healthz", "/api/v1/readyz")


class HostNotAllowed(WeftError):
    code = "host_not_allowed"
    status = 421


class Hosts:
    """The names that `WEFT_HOST` and `WEFT_ALLOWED_HOSTS` allow."""

    def __init__(self, settings: Settings) -> None:
        self._any_address = not is_loopback(settings.host)
        listed = [name.strip().lower().rstrip(".") for name in settings.allowed_hosts.split(",")]
        self._all = "*" in listed
        self._suffixes = tuple(name for name in listed if name.startswith("."))
        self._names = {"localhost", settings.host.lower(), *(_bare(name) for name in listed if name)}
        if self._any_address:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local"}

    def allow(self, header: str) -> bool:
        """Whether a `Host` header names this server."""
        name = _bare(header)
        if self._all or name in self._names or (self._suffixes and name.endswith(self._suffixes)):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # An address is not looked up, so nobody can make it point elsewhere.
        return self._any_address or address.is_loopback


def _bare(header: str) -> str:
    """The name or address without port, brackets and the root's dot; empty for what is no host."""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def init_app(app: APIFlask) -> None:
    hosts = Hosts(app.config["WEFT"])

    @app.before_request
    def refuse_foreign_names() -> Response | None:
        header = request.environ.get("HTTP_HOST")
        # Browsers always send one; probes over HTTP/1.0 do not.
        if header is None or request.path in _PROBES or hosts.allow(header):
            return None
        # A bare page: others name the model and the bank.
        return problem(HostNotAllowed.code, HostNotAllowed.status, {"host": header[:100]}, bare=True)
