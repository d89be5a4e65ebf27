"""From the first key (`weft key add`) until `weft key off`, whoever has none gets neither pages nor answers.

The key comes as a bearer token, or as the password of HTTP's basic scheme, which is what browsers ask people for.
"""

from __future__ import annotations

from apiflask import APIFlask
from flask import Response, request

from shared.core.api_keys import Keys
from shared.core.errors import KeyNeeded, Unavailable, WeftError
from web.i18n import say
from web.problems import problem, wants_page

#: Probes tell nothing but that the product is there, and browsers fetch icons and styles without a password.
_PROBES = frozenset({"healthz", "readyz"})
_PUBLIC_VIEWS = frozenset({"static", "favicon"})


def init_app(app: APIFlask) -> None:
    keys = Keys.of(app.config["WEFT"])

    @app.before_request
    def require_api_key() -> Response | None:
        blueprint, _, view = (request.endpoint or "").rpartition(".")
        if view in _PUBLIC_VIEWS or (blueprint.startswith("health") and view in _PROBES) or not keys.required():
            return None
        given = request.authorization
        secret = (given.token if given.type == "bearer" else given.password) if given else None
        try:
            # Also without a key in the request: that the file is damaged is said at once.
            known = bool(keys.rows()) and secret and keys.holder(secret)
        except Unavailable as error:
            return _keys_unreadable(error)
        return None if known else _refusal()


def _keys_unreadable(error: WeftError) -> Response:
    """As `_refusal`, for keys that cannot be read."""
    if wants_page():
        return Response(say(error.code), error.status, content_type="text/plain; charset=utf-8")
    return problem(error.code, error.status, {})


def _refusal() -> Response:
    """Plain text instead of a page: those name the model and the bank."""
    if wants_page():
        response = Response(say(KeyNeeded.code), KeyNeeded.status, content_type="text/plain; charset=utf-8")
    else:
        response = problem(KeyNeeded.code, KeyNeeded.status, {})
    response.headers.extend(
        [("WWW-Authenticate", 'Basic realm="Weft", charset="UTF-8"'), ("WWW-Authenticate", "Bearer")]
    )
    return response
