"""Headers on every response, and the refusal of requests that another web site made a visitor's browser send.

Written out rather than taken from Flask-Talisman, which forces HTTPS and so breaks on a local network.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import Response, g, request

from shared.core.errors import WeftError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class CrossSite(WeftError):
    """A browser was made to send this by another site."""

    code = "cross_site"
    status = 403


def csp_nonce() -> str:
    """One random value a response; a script element without it does not run."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def refuse_cross_site() -> None:
    """Protection against request forgery without tokens (the method of Go 1.25's `http.CrossOriginProtection`).

    Browsers tell where a request comes from in `Sec-Fetch-Site`, or over plain HTTP in `Origin`; other clients send
    neither and hold no cookies of ours.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CrossSite
        return
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise CrossSite


def keep_assets(response: Response) -> Response:
    """What a page names with the digest of its content (`pages.asset`) never changes at that address."""
    if request.endpoint == "static" and "v" in request.args and response.status_code in (200, 304):
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def harden(response: Response) -> Response:
    policy = (
        "default-src 'none'; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; img-src 'self' data: blob:; manifest-src 'self'; "
        f"script-src 'self' 'nonce-{csp_nonce()}'; style-src 'self'"
    )
    headers = response.headers
    headers.setdefault("Content-Security-Policy", policy)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return response


def init_app(app: APIFlask) -> None:
    app.before_request(refuse_cross_site)
    app.after_request(harden)
    app.after_request(keep_assets)
    app.context_processor(lambda: {"csp_nonce": csp_nonce})
