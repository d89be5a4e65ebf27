"""Errors as RFC 9457 `application/problem+json` with a stable `code`; on pages, a plain page with the same sentence."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, json, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from shared.bank.class_names import UnknownClass
from shared.core.errors import WeftError
from web import uploads
from web.context import services
from web.i18n import language, say

log = logging.getLogger(__name__)

_PROBES = ("/healthz", "/readyz", "/metrics")
#: Codes for what Werkzeug itself refuses.
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "upload_too_large", 415: "invalid_request"}


def problem(code: str, status: int, detail: dict[str, Any], retry_after: int | None = None, **more: Any) -> Response:
    title = HTTPStatus(status).phrase
    sentence = say(code, **detail)
    if wants_page():
        heading = _("Page not found") if code == "not_found" and detail.get("what") == request.path else sentence
        body, kind = render_template("error.html", code=code, status=status, sentence=heading), "text/html"
    else:
        document = {"type": "about:blank", "title": title, "status": status, "detail": sentence, "code": code, **more}
        body, kind = json.dumps(document), "application/problem+json"
    response = Response(body, status, content_type=f"{kind}; charset=utf-8" if kind == "text/html" else kind)
    response.content_language = language()
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def wants_page() -> bool:
    if request.headers.get("HX-Request") or request.path.startswith("/api/") or request.path in _PROBES:
        return False
    best = request.accept_mimetypes.best_match(("text/html", "application/json"))
    return best == "text/html" or best is None


def init_app(app: APIFlask) -> None:
    @app.errorhandler(WeftError)
    def ours(error: WeftError) -> Response:
        if error.code == "redis_unavailable":
            services().reconnect()
        more = {"near": error.near} if isinstance(error, UnknownClass) else {}
        return problem(error.code, error.status, error.detail, getattr(error, "retry_after", None), **more)

    @app.errorhandler(HTTPError)
    def invalid(error: HTTPError) -> Response:
        errors = error.detail if isinstance(error.detail, dict) else {}
        fields = [f"{name}: {' '.join(told)}" for place in errors.values() for name, told in _told(place)]
        reason = "; ".join(fields) or str(error.message)
        return problem("invalid_request", 400, {"reason": reason}, errors=errors)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400:
            return error.get_response()  # type: ignore[return-value]
        code = _HTTP_CODES.get(status, "internal" if status >= 500 else "invalid_request")
        limit = ""
        if status == 413:
            found = uploads.too_large()
            code, limit = found["code"], f"{found['limit']:,}"
        response = problem(
            code,
            status,
            {"what": request.path, "reason": error.description or "", "limit": limit, "method": request.method},
        )
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response

    @app.errorhandler(RecursionError)
    def too_deep(error: RecursionError) -> Response:
        # JSON nested deeper than the parser goes; anything else that recurses so deeply is a fault of ours.
        if request.is_json:
            return problem("invalid_request", 400, {"reason": "JSON: nested too deeply"})
        return unexpected(error)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.exception("unexpected error at %s %s", request.method, request.path, exc_info=error)
        return problem("internal", 500, {})


def _told(place: Any) -> list[tuple[str, list[str]]]:
    if not isinstance(place, dict):
        return []
    return [(str(name), [str(line) for line in lines]) for name, lines in place.items() if isinstance(lines, list)]
