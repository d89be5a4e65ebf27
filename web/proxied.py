"""What a proxy in front says of the browser's request: scheme, host and path before ours. Believed from a trusted one
alone (WEFT_TRUSTED_PROXIES), and then the last value, which is its own.

It has to set `X-Forwarded-Proto`, `X-Forwarded-Host` and, below a path, `X-Forwarded-Prefix` itself, and pass that path
on without the prefix: deploy/nginx.conf and deploy/Caddyfile do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix

from shared.access.proxies import Proxies

#: Where Weft is below a host: links are made with it, so it is nothing but a path.
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_EXTENSION = "weft.proxied"


class ProxiedRequests:
    """Changes the environ of requests that a trusted proxy passes on."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        # For its changes alone; the client's address is `Proxies.client`.
        self._fix = ProxyFix(lambda environ, start_response: (), x_for=0, x_proto=1, x_host=1, x_prefix=1)

    def apply(self, environ: dict[str, Any]) -> None:
        if "weft.proxied" in environ or not self._proxies.trusted(environ.get("REMOTE_ADDR")):
            return
        # Once, although the front and Flask both ask for it.
        environ["weft.proxied"] = True
        prefix = environ.get("HTTP_X_FORWARDED_PREFIX", "").split(",")[-1].strip().rstrip("/")
        environ["HTTP_X_FORWARDED_PREFIX"] = prefix if _PREFIX.fullmatch(prefix) and ".." not in prefix else ""
        if environ.get("HTTP_X_FORWARDED_PROTO", "").split(",")[-1].strip() not in ("http", "https"):
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        self._fix(environ, lambda *_: lambda _: None)


def init_app(app: APIFlask) -> None:
    requests = app.extensions[_EXTENSION] = ProxiedRequests(Proxies(app.config["WEFT"]))
    inner: Callable[..., Iterable[bytes]] = app.wsgi_app

    def proxied(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        requests.apply(environ)
        return inner(environ, start_response)

    app.wsgi_app = proxied  # type: ignore[method-assign]


def apply(app: APIFlask, environ: dict[str, Any]) -> None:
    """For a request that does not pass through Flask's own entrance."""
    app.extensions[_EXTENSION].apply(environ)
