"""Once there is a key (`weft key add`), whoever has none gets neither pages nor answers; before, everybody does.

The key comes as a bearer token, or as the password of HTTP's basic scheme, which is what browsers ask people for.
"""

from __future__ import annotations

from apiflask import APIFlask
from flask import Response, request

from shared.api_keys import Keys
from shared.errors import KeyNeeded
from web.i18n import say
from web.problems import problem, wants_page

#: Probes tell nothing but that the product is there, and browsers fetch icons and styles without a password.
_PROBES = frozenset({"healthz", "readyz"})


def init_app(app: APIFlask) -> None:
    keys = Keys.of(app.config["WEFT"])

    @app.before_request
    def refuse_strangers() -> Response | None:
        blueprint, _, view = (request.endpoint or "").rpartition(".")
        if view == "static" or (blueprint.startswith("health") and view in _PROBES) or not keys.rows():
            return None
        given = request.authorization
        secret = (given.token if given.type == "bearer" else given.password) if given else None
        return None if secret and keys.holder(secret) else _refusal()


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
